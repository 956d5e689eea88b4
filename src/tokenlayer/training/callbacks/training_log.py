"""Settings of the log of training steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.training_log_callback import TrainingLog


@dataclass
class TrainingLogConfig(CallbackConfig):
    """Loss and running accuracy."""

    metrics_every: int = 50
    """Steps between two values of the metrics; the table has every step."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.metrics_every < 1:
            yield "metrics_every", "must be at least 1"

    def build(self, run: RunContext) -> TrainingLog:
        from tokenlayer.training.callbacks.training_log_callback import TrainingLog

        return TrainingLog(run, self.metrics_every)
