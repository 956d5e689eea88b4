"""Settings of the recorded predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.predictions_callback import Predictions


@dataclass
class PredictionsConfig(CallbackConfig):
    """Predictions on the test texts."""

    def build(self, run: RunContext) -> Predictions:
        from tokenlayer.training.callbacks.predictions_callback import Predictions

        return Predictions(run)
