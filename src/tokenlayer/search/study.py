"""The study of a search in Optuna's storage: the file `search.db` of the output folder, which outlives any process."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import optuna
from optuna.exceptions import OptunaError
from optuna.importance import FanovaImportanceEvaluator
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.errors import InputError
from tokenlayer.interrupts import held_back
from tokenlayer.search.config import SearchConfig
from tokenlayer.search.space import Dimension, Value

FILE = "search.db"
_TRIALS = 2  # distinguishes the random numbers of a search's sampler from others of the same seed
_BUSY_SECONDS = 60.0
_VALUE = "value"
_LEAST_FOR_IMPORTANCES = 2


class Outcome(Enum):
    """The end of a trial."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    UNFINISHED = "interrupted"
    """Its process ended before it."""


_OUTCOMES = {
    TrialState.COMPLETE: Outcome.COMPLETE,
    TrialState.PRUNED: Outcome.PRUNED,
    TrialState.FAIL: Outcome.FAILED,
    TrialState.RUNNING: Outcome.UNFINISHED,
    TrialState.WAITING: Outcome.UNFINISHED,
}


@dataclass(frozen=True)
class TrialRecord:
    """A trial as the study holds it."""

    number: int
    """From 0, in the order in which they began."""
    outcome: Outcome
    settings: Mapping[str, str]
    """Searched key → value, as on a command line."""
    value: float | None
    """The metric; of one that is pruned, at its last validation."""


class RunningTrial:
    """A trial that has begun, here or in a process before.

    Attributes:
        number: from 0, in the order in which they began.
        settings: searched key → value, as on a command line.

    """

    def __init__(self, trial: Trial, space: Mapping[str, Dimension]) -> None:
        self._trial = trial
        self.number = trial.number
        self.settings = {key: values.text(_suggested(trial, key, values)) for key, values in space.items()}

    @property
    def value(self) -> float | None:
        """What was noted last as its value."""
        noted = self._trial.user_attrs.get(_VALUE)
        return None if noted is None else float(noted)

    def note(self, measured: list[float], value: float) -> None:
        """Keep what a training has measured so far.

        Args:
            measured: the metric at each validation.
            value: what the trial would be worth if it ended now.

        """
        known = self._trial.study.get_trials(deepcopy=False)[self.number].intermediate_values
        with held_back():
            for place, result in enumerate(measured):
                if place not in known:
                    self._trial.report(result, place)
            self._trial.set_user_attr(_VALUE, value)

    def should_be_pruned(self) -> bool:
        """True if others were better by then."""
        return self._trial.should_prune()


class SearchStudy:
    """A study, for one process at a time.

    The values of a trial follow from the search's seed, the trial's number and the trials before it, so that a search
    which was interrupted tries what the unbroken one would have tried.

    Attributes:
        is_maximized: the largest value is the best; else the smallest.

    Args:
        folder: the output folder, which holds the file.
        name: the study's name in the file.
        config: how to search.
        space: dotted key or group → values.
        seed: decides what the sampler draws.

    Raises:
        InputError: the file is damaged, or is no storage of this Optuna's.

    """

    def __init__(
        self, folder: Path, name: str, config: SearchConfig, space: Mapping[str, Dimension], seed: int
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.is_maximized = config.is_maximized
        self._sampler, self._seed, self._space = config.sampler, seed, space
        direction = "maximize" if self.is_maximized else "minimize"
        pruner: BasePruner = MedianPruner() if config.pruner == "median" else NopPruner()
        storage = _storage(folder / FILE)
        self._study = optuna.create_study(
            storage=storage, study_name=name, direction=direction, pruner=pruner, load_if_exists=True
        )

    def trials(self) -> list[TrialRecord]:
        """All trials, in the order in which they began."""
        return [self._record(trial) for trial in self._study.get_trials(deepcopy=False)]

    def best(self) -> TrialRecord | None:
        """The complete trial with the best value; None before there is one."""
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self._record(self._study.best_trial) if complete else None

    def importances(self) -> dict[str, float]:
        """Key → share of the variance of the values that goes with it; empty where trials do not differ, or are few."""
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len({trial.value for trial in complete}) < _LEAST_FOR_IMPORTANCES:
            return {}
        # A forest of its own seed: the figure is the same whenever it is drawn.
        return optuna.importance.get_param_importances(self._study, evaluator=FanovaImportanceEvaluator(seed=0))

    def interrupted(self) -> list[RunningTrial]:
        """The trials whose process has ended before them, to be continued."""
        waiting = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        with held_back():
            return [self._begun(trial) for trial in waiting]

    def ask(self) -> RunningTrial:
        """Begin a new trial."""
        with held_back():
            self._study.sampler = self._sampler_of(len(self._study.get_trials(deepcopy=False)))
            return RunningTrial(self._study.ask(), self._space)

    def tell(self, trial: RunningTrial, outcome: Outcome) -> None:
        """End a trial, with the value that was noted last."""
        state = {Outcome.COMPLETE: TrialState.COMPLETE, Outcome.PRUNED: TrialState.PRUNED}.get(outcome, TrialState.FAIL)
        with held_back():
            values = trial.value if state == TrialState.COMPLETE else None
            self._study.tell(trial.number, values, state=state)

    def _begun(self, frozen: FrozenTrial) -> RunningTrial:
        self._study.sampler = self._sampler_of(frozen.number)
        return RunningTrial(Trial(self._study, frozen._trial_id), self._space)

    def _sampler_of(self, number: int) -> BaseSampler:
        """A sampler for each trial: one generator for all would begin anew in each process, and repeat itself."""
        seed = int(np.random.SeedSequence([self._seed, _TRIALS, number]).generate_state(1)[0])
        return RandomSampler(seed) if self._sampler == "random" else TPESampler(seed=seed)

    def _record(self, trial: FrozenTrial) -> TrialRecord:
        known = {key: values for key, values in self._space.items() if key in trial.params}
        settings = {key: values.text(trial.params[key]) for key, values in known.items()}
        return TrialRecord(trial.number, _OUTCOMES[trial.state], settings, trial.value)


def check_file(folder: Path) -> None:
    """Raise InputError where a folder's file of studies is damaged, or of another Optuna; there may be none yet."""
    if (folder / FILE).exists():
        _storage(folder / FILE)


def holds_study(folder: Path, name: str) -> bool:
    """True if a folder has a study of this name. Raises `InputError` as `check_file`."""
    path = folder / FILE
    return path.exists() and name in optuna.get_all_study_names(_storage(path))


def _suggested(trial: Trial, key: str, values: Dimension) -> Value:
    if values.type == "categorical":
        return trial.suggest_categorical(key, values.texts())
    assert values.low is not None
    assert values.high is not None
    if values.type == "int":
        return trial.suggest_int(key, int(values.low), int(values.high), step=int(values.step or 1), log=values.log)
    return trial.suggest_float(key, float(values.low), float(values.high), step=values.step, log=values.log)


def _storage(path: Path) -> RDBStorage:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(_connect(path)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
        if found != ["ok"]:
            raise sqlite3.DatabaseError(found[0])
        # The path goes by a function: in a URL it would have to be free of ? and %.
        return RDBStorage(f"sqlite:///{FILE}", engine_kwargs={"creator": lambda: _connect(path)})
    except (sqlite3.Error, SQLAlchemyError, OptunaError, RuntimeError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: the trials of searches are kept in this file, and it cannot be used ({reason}): put a copy of it "
            "back, or move it away and give another search.name"
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
