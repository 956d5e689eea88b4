"""A callback that times the steps of a real training, from the beginning of one batch to that of the next."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext


class StepTimer(pl.Callback):
    """Times whole steps: the batch, the update, commits, and all other callbacks.

    Args:
        path: the JSON file, written when training ends.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        self._begun.append(time.perf_counter())

    def on_train_end(self, trainer: pl.Trainer, *_: Any) -> None:
        steps = [1000 * (end - begin) for begin, end in zip(self._begun, self._begun[1:], strict=False)]
        self._path.write_text(json.dumps({"steps_ms": steps, "batches_per_epoch": int(trainer.num_training_batches)}))


@dataclass
class StepTimerConfig(CallbackConfig):
    """Configuration of the timer."""

    path: str
    """The file to write."""

    def build(self, _run: RunContext) -> StepTimer:
        return StepTimer(Path(self.path))
