"""Settings of the live view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.live_view_callback import LiveView


@dataclass
class LiveViewConfig(CallbackConfig):
    """The view in the terminal."""

    every: int = 10
    """Batches between two refreshes."""
    top: int = 15
    """Patterns shown on each side: with the largest and the smallest gradient, or the most weight for each class."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        for field in ("every", "top"):
            if getattr(self, field) < 1:
                yield field, "must be at least 1"

    def build(self, run: RunContext) -> LiveView:
        from tokenlayer.training.callbacks.live_view_callback import LiveView

        return LiveView(run, self.every, self.top)
