"""Settings of the log of edits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.edits_log_callback import EditsLog


@dataclass
class EditsLogConfig(CallbackConfig):
    """What the learning rule replaces."""

    shown: int = 3
    """New tokens named in the terminal after a validation."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.shown < 0:
            yield "shown", "must not be negative"

    def build(self, run: RunContext) -> EditsLog:
        from tokenlayer.training.callbacks.edits_log_callback import EditsLog

        return EditsLog(run, self.shown)
