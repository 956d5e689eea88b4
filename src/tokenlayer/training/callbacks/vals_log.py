"""The seed's vals_log: mean and standard deviation of values along the whole model, every step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl

from tokenlayer.training.callbacks.base import (
    CallbackConfig,
    RunCallback,
    RunContext,
    as_module,
    current_step,
)
from tokenlayer.training.layer_statistics import value_row


class ValsLog(RunCallback):
    """Table `logs/vals_log`: the step's activations, and the parameters after its update, as the seed writes them.

    A strided copy as metrics `vals/<column>`.
    """

    def __init__(self, run: RunContext, metrics_every: int) -> None:
        super().__init__(run)
        self.metrics_every = metrics_every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = current_step(pl_module)
        row = value_row(step.intermediates, as_module(pl_module).model.logged_parameters())
        self.recorder.append("logs/vals_log", step.place | row)
        if step.step % self.metrics_every == 0:
            known = {f"vals/{name}": value for name, value in row.items() if value is not None}
            self.recorder.log_metrics(known, step.step)


@dataclass
class ValsLogConfig(CallbackConfig):
    """Statistics of values."""

    metrics_every: int = 25
    """Steps between two values of the metrics; the table has every step."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.metrics_every < 1:
            yield "metrics_every", "must be at least 1"

    def build(self, run: RunContext) -> ValsLog:
        return ValsLog(run, self.metrics_every)
