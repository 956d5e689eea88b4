"""The settings of a search (section `search` of `conf/search.yaml`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tokenlayer.hints import did_you_mean, near
from tokenlayer.search.space import Dimension
from tokenlayer.tracking.sweep_config import name_problems
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.metric_names import NAMES

METRICS = tuple(f"validation/{name}" for name in NAMES)


@dataclass
class SearchConfig:
    """What is searched, by what, and how long."""

    n_trials: int = 20
    """Trials that are to be complete or pruned in the end; a larger number extends a search."""
    metric: str = "validation/accuracy"
    """What decides which trial is best; of a loss the smallest is."""
    sampler: Literal["tpe", "random"] = "tpe"
    """What proposes values: Optuna's tree-structured Parzen estimator, or chance."""
    pruner: Literal["median", "none"] = "median"
    """What ends a trial early: a best validation so far below the median of the others at that point, or nothing."""
    name: str | None = None
    """The search's name in the store; null: made from its space and its fixed settings."""
    space: dict[str, Dimension] = field(default_factory=dict)
    """Dotted key or group → the values to search."""

    @property
    def is_maximized(self) -> bool:
        """True unless the metric is a loss."""
        return not self.metric.endswith("/loss")

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        if self.n_trials < 1:
            yield "n_trials", f"{self.n_trials} is below 1"
        if self.metric.startswith("test/"):
            yield "metric", f"{self.metric}: the best is chosen on validation texts, or the test would prove nothing"
        elif self.metric not in METRICS:
            close = did_you_mean(near(self.metric, METRICS))
            yield "metric", f"validations log no {self.metric}{close}; known: {', '.join(METRICS)}"
        yield from name_problems(self.name)


@dataclass(kw_only=True)
class SearchRunConfig(TrainConfig):
    """A search (`conf/search.yaml`): a training, and what of it is searched."""

    search: SearchConfig
    """The space, and how it is searched (group `search`)."""
