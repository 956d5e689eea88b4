"""`vals_log`: mean and standard deviation of values along the whole model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl

from tokenlayer.models.moments import Held
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import current_step
from tokenlayer.training.callbacks.statistics_log import StatisticsLog
from tokenlayer.training.callbacks.step_log import Columns


class ValsLog(StatisticsLog):
    """Table `logs/vals_log`: the step's activations, and the parameters after its update, as the original writes them.

    A strided copy goes to the metrics `watch/values/<column>`.
    """

    def __init__(self, run: RunContext, every: int, metrics_every: int) -> None:
        super().__init__(run, "logs/vals_log", "watch/values", every, metrics_every)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = current_step(pl_module)
        if self.is_due(step):
            self.take(step, self.statistics.values(step.output))

    def columns(self, kept: Sequence[Held]) -> Columns:
        return self.statistics.value_columns(kept)
