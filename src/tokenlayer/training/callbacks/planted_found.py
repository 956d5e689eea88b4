"""Settings of the count of planted n-grams that have been found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    import pytorch_lightning as pl


@dataclass
class PlantedFoundConfig(CallbackConfig):
    """The planted patterns that have become tokens; on other texts nothing is recorded."""

    def build(self, run: RunContext) -> pl.Callback:
        import pytorch_lightning as pl

        from tokenlayer.training.callbacks.planted_found_callback import PlantedFound

        truth = run.dataset.ground_truth
        return pl.Callback() if truth is None else PlantedFound(run, truth)
