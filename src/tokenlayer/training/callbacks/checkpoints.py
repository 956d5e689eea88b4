"""Settings of the checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.checkpoints_callback import Checkpoints


@dataclass
class CheckpointsConfig(CallbackConfig):
    """When to save, and what to keep."""

    per_epoch: int = 5
    """Checkpoints within an epoch: one every ⌊n / per_epoch⌋ of its n batches, as the original saves them."""
    seconds_apart: float = 20.0
    """Seconds from one checkpoint to the next at least, so that saving costs little of the time however short an epoch
    is. The best and the last are saved in any case, and with `keep=all` each."""
    keep: Literal["all", "last_and_best"] = "last_and_best"
    """The checkpoints that stay."""
    monitor: str = "validation/loss"
    """The metric that says which checkpoint is best."""
    mode: Literal["min", "max"] = "min"
    """min: a smaller value is better; max: a larger one."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.per_epoch < 1:
            yield "per_epoch", "must be at least 1"
        if not self.seconds_apart >= 0:
            yield "seconds_apart", "must be at least 0"

    def build(self, run: RunContext) -> Checkpoints:
        from tokenlayer.training.callbacks.checkpoints_callback import Checkpoints

        return Checkpoints(run, self.per_epoch, self.seconds_apart, self.keep, self.monitor, self.mode)
