"""Settings of the figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.figures_callback import Figures


@dataclass
class FiguresConfig(CallbackConfig):
    """The figures at the end of a run."""

    def build(self, run: RunContext) -> Figures:
        from tokenlayer.training.callbacks.figures_callback import Figures

        return Figures(run)
