"""`grads_log`: mean and standard deviation of gradients along the whole model, every step."""

from __future__ import annotations

from collections.abc import Sequence

import pytorch_lightning as pl
from torch.optim import Optimizer

from tokenlayer.models.moments import Held
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import current_step
from tokenlayer.training.callbacks.statistics_log import StatisticsLog
from tokenlayer.training.callbacks.step_log import Columns


class GradsLog(StatisticsLog):
    """Table `logs/grads_log`, every step before its update; a strided copy as metrics `watch/gradients/<column>`."""

    def __init__(self, run: RunContext, metrics_every: int) -> None:
        super().__init__(run, "logs/grads_log", "watch/gradients", metrics_every)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        self.take(current_step(pl_module), self.statistics.gradients())

    def columns(self, kept: Sequence[Held]) -> Columns:
        return self.statistics.gradient_columns(kept)
