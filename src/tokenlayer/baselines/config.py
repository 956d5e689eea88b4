"""The root of a configuration: everything that a person may set for `tokenlayer baseline`."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tokenlayer.baselines.base import BaselineConfig
from tokenlayer.data.config import DatasetConfig
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.sweep_config import SweepConfig


@dataclass(kw_only=True)
class BaselineRunConfig:
    """One baseline, fitted and tested (`conf/baseline.yaml`)."""

    seed: int
    """Decides the order in which a solver takes the texts."""
    dataset: DatasetConfig
    """The texts (group `dataset`)."""
    baseline: BaselineConfig
    """The classifier (group `baseline`)."""
    tracking: TrackingConfig
    """The store in which the run is recorded (group `tracking`)."""
    output_dir: str = "outputs"
    """Folder of what runs write."""
    sweep: SweepConfig = field(default_factory=SweepConfig)
    """The name of a multirun, and what stops it."""
    allow_targets: list[str] = field(default_factory=list)
    """Packages besides `tokenlayer` and `torch` that a `_target_` may name."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield field and message of each value that cannot work."""
        if not 0 <= self.seed < 2**32:
            yield "seed", f"{self.seed} is not between 0 and 2³² − 1"
