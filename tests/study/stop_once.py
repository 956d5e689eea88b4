"""A callback that kills the first run that reaches a step, as a power cut does."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback


class StopOnce(RunCallback):
    def __init__(self, run: RunContext, step: int, mark: Path) -> None:
        super().__init__(run)
        self.step = step
        self.mark = mark

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class StopOnceConfig(CallbackConfig):
    """Kill this process when a step begins, unless another was killed before."""

    step: int
    """Global step."""
    mark: str
    """A file that exists once a process was killed."""

    def build(self, run: RunContext) -> StopOnce:
        return StopOnce(run, self.step, Path(self.mark))
