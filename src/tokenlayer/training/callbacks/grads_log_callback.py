"""`grads_log`: mean and standard deviation of gradients along the whole model."""

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
    """Table `logs/grads_log`, of steps before their updates; a strided copy as metrics `watch/gradients/<column>`."""

    def __init__(self, run: RunContext, every: int, metrics_every: int) -> None:
        super().__init__(run, "logs/grads_log", "watch/gradients", every, metrics_every)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        step = current_step(pl_module)
        if self.is_due(step):
            self.take(step, self.statistics.gradients())

    def columns(self, kept: Sequence[Held]) -> Columns:
        return self.statistics.gradient_columns(kept)
