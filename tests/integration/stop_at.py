"""A callback that ends the process in the middle of training, as users, schedulers and power cuts do."""

import os
import signal
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback


class StopAt(RunCallback):
    def __init__(self, run: RunContext, step: int, signal_name: str) -> None:
        super().__init__(run)
        self.step = step
        self.signal = signal.Signals[signal_name]

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), self.signal)


@dataclass
class StopAtConfig(CallbackConfig):
    """Send a signal to this process when a step begins."""

    step: int
    """Global step."""
    signal_name: str
    """SIGINT, SIGTERM or SIGKILL."""

    def build(self, run: RunContext) -> StopAt:
        return StopAt(run, self.step, self.signal_name)
