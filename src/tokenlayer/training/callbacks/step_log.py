"""A log with rows of steps, which are made of many together."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl

from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback
from tokenlayer.training.module import TrainingStep

Kept = TypeVar("Kept")
Columns = Mapping[str, npt.NDArray[np.float64]]
"""(S,): the numbers of S steps, by column."""

_STEPS = 64
_NUMBERS = 1 << 20  # 8 MB

_log = logging.getLogger(__name__)


class StepLog(RunCallback, ABC, Generic[Kept]):
    """A table with a row for each step that is kept.

    A step leaves what its row is made of. Rows are made of some dozens of steps at once, or of fewer large ones, and
    before each commit, and when the training ends, however it does: between the steps of a training all work takes
    several times as long as in a loop, for the processor's caches are full of other things.

    Args:
        run: where to record.
        table: the table's path among the artifacts.

    """

    def __init__(self, run: RunContext, table: str) -> None:
        super().__init__(run)
        self.table = table
        self._kept: list[tuple[tuple[int, int, int], Kept]] = []
        self._numbers = 0

    @abstractmethod
    def columns(self, kept: Sequence[Kept]) -> Columns:
        """The rows of some steps of one kind, at least one, by column."""

    def kind(self, kept: Kept) -> Hashable:  # in most logs all are
        """What a step has in common with those whose rows are made together with its."""
        return None

    def keep(self, step: TrainingStep, kept: Kept, numbers: int = 1) -> None:
        """Take what a step's row is made of, so many numbers."""
        self._kept.append(((step.step, step.epoch, step.batch), kept))
        self._numbers += numbers
        if len(self._kept) == _STEPS or self._numbers > _NUMBERS:
            self.write()

    def write(self) -> None:
        """Record the rows of the steps that were kept.

        Raises:
            ValueError: a row has other columns than the table; those of the steps before it are recorded.

        """
        kept, self._kept, self._numbers = self._kept, [], 0
        for _, alike in groupby(kept, key=lambda step: self.kind(step[1])):
            places, of_steps = zip(*alike, strict=True)
            steps, epochs, batches = np.array(places).T
            columns = self.columns(of_steps)
            self.recorder.append(self.table, {"step": steps, "epoch": epochs, "batch": batches, **columns})
            self.written(steps.tolist(), columns)

    def written(self, steps: Sequence[int], columns: Columns) -> None:  # most logs do no more
        """Do what is to be done with rows that were recorded."""

    def before_commit(self) -> None:
        self.write()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.write()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        try:
            self.write()
        except Exception as error:  # what broke the training may break this, and is what has to be told
            _log.warning("%s lacks the steps since the last commit: %s", self.table, error)
