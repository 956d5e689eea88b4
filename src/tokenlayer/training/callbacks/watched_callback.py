"""A training that others follow, and end early."""

from __future__ import annotations

from collections.abc import Mapping

import pytorch_lightning as pl

from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback
from tokenlayer.training.callbacks.watched import WatchedConfig

_PREFIX = "validation/"


class Watched(RunCallback):
    """Shows a watcher what the validations have measured, after each and where a training is continued."""

    def __init__(self, run: RunContext, config: WatchedConfig) -> None:
        super().__init__(run)
        self._config = config

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.recorder.resume_step:
            self._show(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._show(trainer)

    def _show(self, trainer: pl.Trainer) -> None:
        reason = self._config.watcher.why_end(self._validations())
        if reason is not None:
            trainer.should_stop = True
            self.run.remarks[type(self).__name__] = reason
            self.recorder.set_tags(self._config.tags)

    def _validations(self) -> list[Mapping[str, float]]:
        """All of the run, of its earlier processes too."""
        by_step: dict[int, dict[str, float]] = {}
        rows = self.recorder.load_metrics()
        for key, value, step in zip(rows["key"], rows["value"], rows["step"], strict=True):
            if str(key).startswith(_PREFIX):
                by_step.setdefault(int(step), {})[str(key)] = float(value)
        return [by_step[step] for step in sorted(by_step)]
