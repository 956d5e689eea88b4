"""Settings of the log of gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.grads_log_callback import GradsLog


@dataclass
class GradsLogConfig(CallbackConfig):
    """Statistics of gradients."""

    metrics_every: int = 100
    """Steps between two values of the metrics; the table has every step."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.metrics_every < 1:
            yield "metrics_every", "must be at least 1"

    def build(self, run: RunContext) -> GradsLog:
        from tokenlayer.training.callbacks.grads_log_callback import GradsLog

        return GradsLog(run, self.metrics_every)
