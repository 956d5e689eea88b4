"""A log with a row for each step, whose rows are made of many steps together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import pytorch_lightning as pl

from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback
from tokenlayer.training.module import TrainingStep

Kept = TypeVar("Kept")
Row = Mapping[str, float]

_STEPS = 64
_NUMBERS = 1 << 20  # 8 MB


class StepLog(RunCallback, ABC, Generic[Kept]):
    """A table of every step.

    A step leaves what its row is made of. The rows are made of some dozens of steps, before each commit, and when the
    training ends, however it does: between the steps of a training all work takes several times as long as in a loop,
    for the processor's caches are full of other things.

    Args:
        run: where to record.
        table: the table's path among the artifacts.

    """

    def __init__(self, run: RunContext, table: str) -> None:
        super().__init__(run)
        self.table = table
        self._places: list[tuple[int, int, int]] = []
        self._kept: list[Kept] = []
        self._numbers = 0

    @abstractmethod
    def rows(self, kept: Sequence[Kept]) -> Sequence[Row]:
        """The rows of some steps, at least one, all with the same columns."""

    def keep(self, step: TrainingStep, kept: Kept, numbers: int = 1) -> None:
        """Take what a step's row is made of, so many numbers."""
        self._places.append((step.step, step.epoch, step.batch))
        self._kept.append(kept)
        self._numbers += numbers
        if len(self._kept) == _STEPS or self._numbers > _NUMBERS:
            self.write()

    def write(self) -> None:
        """Record the rows of the steps that were kept."""
        if not self._kept:
            return
        rows, places = self.rows(self._kept), self._places
        self._kept, self._places, self._numbers = [], [], 0
        steps, epochs, batches = map(list, zip(*places, strict=True))
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        self.recorder.append(self.table, {"step": steps, "epoch": epochs, "batch": batches, **columns})
        for step, row in zip(steps, rows, strict=True):
            self.written(step, row)

    def written(self, step: int, row: Row) -> None:  # most logs do no more
        """Do what is to be done with a row that was recorded."""

    def before_commit(self) -> None:
        self.write()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.write()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.write()
