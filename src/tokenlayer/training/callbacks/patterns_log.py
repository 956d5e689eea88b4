"""Settings of the log of patterns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.patterns_log_callback import PatternsLog


@dataclass
class PatternsLogConfig(CallbackConfig):
    """The patterns, decoded."""

    every: int = 10
    """Batches of an epoch between two records; the first of each epoch is one."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.every < 1:
            yield "every", "must be at least 1"

    def build(self, run: RunContext) -> PatternsLog:
        from tokenlayer.training.callbacks.patterns_log_callback import PatternsLog

        return PatternsLog(run, self.every)
