"""`grads_log`: mean and standard deviation of gradients along the whole model, every step."""

from __future__ import annotations

import pytorch_lightning as pl
from torch import Tensor
from torch.optim import Optimizer

from tokenlayer.models.layer_statistics import ModelStatistics
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module, current_step, watched


class GradsLog(RunCallback):
    """Table `logs/grads_log`, every step before its update; a strided copy as metrics `watch/gradients/<column>`."""

    def __init__(self, run: RunContext, metrics_every: int) -> None:
        super().__init__(run)
        self.metrics_every = metrics_every
        self._statistics: ModelStatistics | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._statistics = as_module(pl_module).model.statistics()

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        assert self._statistics is not None
        self._statistics.watch(current_step(pl_module).output)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        assert self._statistics is not None
        step, row = current_step(pl_module), self._statistics.gradients()
        self.recorder.append("logs/grads_log", step.place | row)
        if step.step % self.metrics_every == 0:
            self.recorder.log_metrics(watched("gradients", row, self._statistics.constant), step.step)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert self._statistics is not None
        self._statistics.close()
