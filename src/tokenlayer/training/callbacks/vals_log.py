"""Settings of the log of validations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.vals_log_callback import ValsLog


@dataclass
class ValsLogConfig(CallbackConfig):
    """Statistics of values."""

    metrics_every: int = 100
    """Steps between two values of the metrics; the table has every step."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.metrics_every < 1:
            yield "metrics_every", "must be at least 1"

    def build(self, run: RunContext) -> ValsLog:
        from tokenlayer.training.callbacks.vals_log_callback import ValsLog

        return ValsLog(run, self.metrics_every)
