"""The training of one trial, watched by the study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tokenlayer.config.chosen import choose
from tokenlayer.errors import InputError
from tokenlayer.search.study import Outcome, RunningTrial
from tokenlayer.tracking.sweep_tags import PRUNED_TAG
from tokenlayer.training.callbacks.checkpoints import CheckpointsConfig
from tokenlayer.training.callbacks.watched import WatchedConfig
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job
from tokenlayer.training.train import train

_CALLBACK = "search"


class TrialWatcher:
    """Notes each validation of a trial, and ends its training where the study finds it hopeless.

    Attributes:
        is_pruned: it has been ended early.

    Args:
        trial: the trial.
        metric: what is searched for, `validation/…`.
        config: the training.

    """

    def __init__(self, trial: RunningTrial, metric: str, config: TrainConfig) -> None:
        self.is_pruned = False
        self._trial = trial
        self._metric = metric
        self._checkpoints = _tested_checkpoint(config)

    def why_end(self, validations: Sequence[Mapping[str, float]]) -> str | None:
        """See `Watcher`."""
        if not validations:
            return None
        measured = [validation[self._metric] for validation in validations]
        self._trial.note(measured, measured[self._tested(validations)])
        self.is_pruned = self._trial.should_be_pruned()
        return pruned_note(self._metric, measured) if self.is_pruned else None

    def _tested(self, validations: Sequence[Mapping[str, float]]) -> int:
        """The place of the validation of the weights that are tested: those of the best checkpoint, or the last."""
        if self._checkpoints is None:
            return -1
        sign = -1 if self._checkpoints.mode == "max" else 1
        monitored = [sign * validation[self._checkpoints.monitor] for validation in validations]
        known = [math.inf if math.isnan(value) else value for value in monitored]
        return known.index(min(known))


def run_trial(job: Job[TrainConfig], trial: RunningTrial, metric: str) -> Outcome:
    """Train, or go on training; returns whether the trial is complete or was pruned.

    Raises:
        InputError: as `train`; or no validation has measured anything.

    """
    chosen = choose(job.config, job.resolved)
    watcher = TrialWatcher(trial, metric, chosen.config)
    config = replace(
        chosen.config, callbacks={**chosen.config.callbacks, _CALLBACK: WatchedConfig(watcher, {PRUNED_TAG: "true"})}
    )
    words = [str(choice) for choice in chosen.choices]
    train(replace(job, config=config, resolved=chosen.resolved, chosen=words))
    if trial.value is None:
        raise InputError(f"search.metric={metric}: the training has had no validation; set trainer.limit_val_batches")
    return Outcome.PRUNED if watcher.is_pruned else Outcome.COMPLETE


def pruned_note(metric: str, measured: Sequence[float]) -> str:
    """What the page of a pruned run says, in Markdown."""
    times = "validation" if len(measured) == 1 else f"{len(measured)} validations"
    return f"Pruned after {times}: {metric} {measured[-1]:.4f}, worse than the median of the trials before it."


def _tested_checkpoint(config: TrainConfig) -> CheckpointsConfig | None:
    if config.test_weights != "best":
        return None
    return next((found for found in config.callbacks.values() if isinstance(found, CheckpointsConfig)), None)
