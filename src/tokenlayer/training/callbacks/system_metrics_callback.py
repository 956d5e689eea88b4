"""The load of the machine during a training."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from tokenlayer.tracking.system_metrics import SystemLoad
from tokenlayer.training.callbacks.run_callback import RunCallback


class SystemMetrics(RunCallback):
    """Metrics `system/…` at the step that is done when their interval is over, and at the last one."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._load = SystemLoad(self.recorder.run_id)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._load.is_due():
            self._log(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._log(trainer)

    def _log(self, trainer: pl.Trainer) -> None:
        self.recorder.log_metrics(self._load.read(), max(trainer.global_step - 1, 0))
