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

    every: int = 10
    """Steps between two rows of the table."""
    metrics_every: int = 100
    """Steps between two values of the metrics, which are those of the next row."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        for name in ("every", "metrics_every"):
            if getattr(self, name) < 1:
                yield name, "must be at least 1"

    def build(self, run: RunContext) -> ValsLog:
        from tokenlayer.training.callbacks.vals_log_callback import ValsLog

        return ValsLog(run, self.every, self.metrics_every)
