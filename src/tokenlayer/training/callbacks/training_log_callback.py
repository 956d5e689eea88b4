"""Loss and running accuracy of training: every step to a table, some steps to metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import as_module, current_step
from tokenlayer.training.callbacks.step_log import Columns, StepLog


class TrainingLog(StepLog[Tensor]):
    """Table `logs/train_log` (loss of each step); metrics `train/loss`, `train/accuracy`, and all others at epoch ends.

    `train/accuracy` runs within the epoch, as the original prints it; `train/loss` is the step's.
    """

    def __init__(self, run: RunContext, metrics_every: int) -> None:
        super().__init__(run, "logs/train_log")
        self.metrics_every = metrics_every
        self._complete_epoch = -1

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = current_step(pl_module)
        self.keep(step, step.loss)
        is_last = batch_idx + 1 == trainer.num_training_batches
        if step.step % self.metrics_every == 0 or is_last:
            values = {
                "train/loss": step.loss.item(),
                "train/accuracy": as_module(pl_module).phase_metrics("train").accuracy(),
                "train/learning_rate": step.learning_rate,
                "train/epoch": step.epoch,
            }
            self.recorder.log_metrics(values, step.step)
        # With the last step, and so in the commit of its checkpoint, rather than at the epoch's end, which comes later.
        if is_last or trainer.global_step == trainer.max_steps:
            self._log_epoch(trainer, pl_module)

    def columns(self, kept: Sequence[Tensor]) -> Columns:
        return {"loss": torch.stack(list(kept)).cpu().double().numpy()}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # An epoch that was stopped early has no last step. As a run goes on from a checkpoint of an epoch's end,
        # Lightning ends that epoch once more.
        if self._complete_epoch != trainer.current_epoch:
            self._log_epoch(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        return {"complete_epoch": self._complete_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._complete_epoch = state_dict["complete_epoch"]

    def _log_epoch(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        results = as_module(pl_module).phase_metrics("train").compute()
        rest = {f"train/{name}": float(value) for name, value in results.items() if name not in ("loss", "accuracy")}
        rest["train/epoch_loss"] = float(results["loss"])
        self.recorder.log_metrics(rest, trainer.global_step - 1)
        self._complete_epoch = trainer.current_epoch
