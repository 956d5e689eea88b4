"""`vals_log`: mean and standard deviation of values along the whole model, every step."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from tokenlayer.models.layer_statistics import ModelStatistics
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module, current_step, watched


class ValsLog(RunCallback):
    """Table `logs/vals_log`: the step's activations, and the parameters after its update, as the original writes them.

    A strided copy goes to the metrics `watch/values/<column>`.
    """

    def __init__(self, run: RunContext, metrics_every: int) -> None:
        super().__init__(run)
        self.metrics_every = metrics_every
        self._statistics: ModelStatistics | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._statistics = as_module(pl_module).model.statistics()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert self._statistics is not None
        step = current_step(pl_module)
        row = self._statistics.values(step.output)
        self.recorder.append("logs/vals_log", step.place | row)
        if step.step % self.metrics_every == 0:
            self.recorder.log_metrics(watched("values", row, self._statistics.constant), step.step)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert self._statistics is not None
        self._statistics.close()
