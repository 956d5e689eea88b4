"""What `grads_log` and `vals_log` have in common."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pytorch_lightning as pl

from tokenlayer.models.layer_statistics import ModelStatistics
from tokenlayer.models.moments import Held
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import as_module
from tokenlayer.training.callbacks.step_log import Columns, StepLog
from tokenlayer.training.module import TrainingStep


class StatisticsLog(StepLog[Held]):
    """A table of statistics of the model; a strided copy as metrics `<prefix>/<column>`.

    Those that cannot change are no metrics. MLflow's UI has a section of charts for each prefix, in alphabetical order:
    these come behind `test`, `tokens`, `train` and `validation`.

    Args:
        run: where to record.
        table: the table's path among the artifacts.
        prefix: of the metrics' names.
        every: steps between two rows.
        metrics_every: steps between two values of the metrics, which are those of the next row.

    """

    statistics: ModelStatistics

    def __init__(self, run: RunContext, table: str, prefix: str, every: int, metrics_every: int) -> None:
        super().__init__(run, table)
        self.prefix = prefix
        self.every = every
        self.metrics_every = metrics_every

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.statistics = as_module(pl_module).statistics(self.every)

    def is_due(self, step: TrainingStep) -> bool:
        """True for a step that gets a row."""
        return not step.step % self.every

    def take(self, step: TrainingStep, held: Held) -> None:
        """Take what a step held; metrics that are due get the time of the step."""
        self.keep(step, held, held.kept)
        if self._has_metrics(step.step):
            self.write()

    def _has_metrics(self, step: int) -> bool:
        return step % self.metrics_every < self.every

    def kind(self, kept: Held) -> Hashable:
        return kept.kind

    def written(self, steps: Sequence[int], columns: Columns) -> None:
        for i, step in enumerate(steps):
            if self._has_metrics(step):
                changing = (name for name in columns if name not in self.statistics.constant)
                self.recorder.log_metrics({f"{self.prefix}/{name}": columns[name][i] for name in changing}, step)
