"""The parent run of a sweep or a search in MLflow: one for each name, held by one process, rewritten as it goes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.errors import InputError
from tokenlayer.interrupts import is_interruption
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.lease import Lease, is_held, mark_dead_runs
from tokenlayer.tracking.names import LOGGED_TABLES_TAG, PARAM_LENGTH, TAG_LENGTH, cut, logged_tables
from tokenlayer.tracking.runs import create_run, search_runs
from tokenlayer.tracking.store import Store, open_store
from tokenlayer.tracking.sweep_tags import (
    COMMAND_TAG,
    ERROR_TAG,
    FIXED_TAG,
    KEYS_TAG,
    KIND_TAG,
    NAME_TAG,
    PARENT_TAG,
    SPACE_TAG,
    STOPPED_TAG,
    SWEEP,
    keys_tag,
    swept_keys,
)
from tokenlayer.tracking.uri import why_away

_log = logging.getLogger(__name__)
_NOTE_TAG = "mlflow.note.content"
_PARAMS_AT_ONCE = 100
_STORE_ERRORS = (MlflowException, RequestException, SQLAlchemyError, OSError)


@dataclass(frozen=True)
class SweepIdentity:
    """What makes two command lines the same sweep, or the same search."""

    name: str
    command: str
    fixed: tuple[str, ...]
    """The settings that all jobs share, without secrets."""
    keys: tuple[str, ...]
    """The swept keys."""
    kind: str = SWEEP
    """`SWEEP` or `SEARCH`."""
    space: tuple[str, ...] = ()
    """What a search searches, and by which metric."""

    @property
    def setting(self) -> str:
        """The setting that names it: `sweep.name=mine`."""
        return f"{self.kind}.name={self.name}"

    def tags(self) -> dict[str, str]:
        """The tags of its parent."""
        return {
            KIND_TAG: self.kind,
            NAME_TAG: self.name,
            COMMAND_TAG: self.command,
            FIXED_TAG: cut(json.dumps(self.fixed, ensure_ascii=False), TAG_LENGTH),
            KEYS_TAG: cut(keys_tag(self.keys), TAG_LENGTH),
            **({SPACE_TAG: self._space()} if self.space else {}),
        }

    def differences(self, run: Run) -> list[str]:
        """In words, what the sweep or search of a parent run has otherwise."""
        tags = run.data.tags
        found = []
        if tags.get(COMMAND_TAG) != self.command:
            found.append(f"its command is {tags.get(COMMAND_TAG)}, now {self.command}")
        if set(swept_keys(tags)) != set(self.keys):
            found.append(
                f"it varies {', '.join(swept_keys(tags)) or 'nothing'}, now {', '.join(self.keys) or 'nothing'}"
            )
        if tags.get(FIXED_TAG) != self.tags()[FIXED_TAG]:
            found.append(_difference("its fixed settings", tags.get(FIXED_TAG, ""), self.fixed))
        if self.space and tags.get(SPACE_TAG) != self._space():
            found.append(_difference("its search space", tags.get(SPACE_TAG, ""), self.space))
        return found

    def _space(self) -> str:
        return cut(json.dumps(self.space, ensure_ascii=False), TAG_LENGTH)


def _difference(what: str, recorded: str, now: Sequence[str]) -> str:
    try:
        before = [str(text) for text in json.loads(recorded)]
    except ValueError:  # cut, or written by somebody else
        return f"{what} is another"
    only_before = ", ".join(text for text in before if text not in now)
    only_now = ", ".join(text for text in now if text not in before)
    return f"{what} had {only_before or 'nothing more'}, now {only_now or 'nothing more'}"


@dataclass(frozen=True)
class Child:
    """A run under a parent."""

    run_id: str
    status: str
    """As in MLflow: RUNNING, FINISHED, FAILED or KILLED."""
    tags: Mapping[str, str]
    started: float
    """Seconds since 1970."""
    is_recorded_now: bool
    """A process that lives, or may live, records it."""


class SweepRun:
    """The parent of the runs of a sweep or a search. While it is open no other process can run these.

    What cannot be written because the store is away is left out with a warning: the next rewriting has it all.

    Attributes:
        run_id: MLflow's id of the parent.
        experiment_id: MLflow's id of its experiment.
        store: the store, open.

    """

    def __init__(self, store: Store, experiment_id: str, run: Run, lease: Lease) -> None:
        self.run_id = str(run.info.run_id)
        self.store = store
        self.experiment_id = experiment_id
        self._lease = lease
        self._params = dict(run.data.params)

    @classmethod
    def open(cls, identity: SweepIdentity, config: TrackingConfig, output_dir: Path) -> Self:
        """Begin the sweep or search, or go on with it.

        Raises:
            InputError: the store cannot be used; one of this name has other settings, is in another experiment, or
                is being run.

        """
        store = open_store(config.uri, output_dir)
        mark_dead_runs(store)
        experiment_id = store.experiment_id(config.experiment)
        lease = Lease(store, keeps_running=False)  # a parent is RUNNING only once its sweep has begun
        with store.exclusive():
            run = _parent(store, identity)
            if run is None:
                tags = {**config.tags, **identity.tags(), **lease.tags()}
                run_id = str(create_run(store, experiment_id, identity.name, tags).info.run_id)
                _give_way_to_an_older(store, run_id, identity)
                lease.begin(run_id)
                return cls(store, experiment_id, store.client.get_run(run_id), lease)
        _check_same(identity, run, experiment_id, store)
        lease.take(run, identity.setting)
        return cls(store, experiment_id, run, lease)

    def begin(self) -> None:
        """Set the parent RUNNING; a stop at the failure of an earlier job is over."""
        client = self.store.client
        if STOPPED_TAG in client.get_run(self.run_id).data.tags:
            client.delete_tag(self.run_id, STOPPED_TAG)
        client.update_run(self.run_id, status="RUNNING")

    def adopt(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Put a run under the parent that is under none, with the tags of a child."""
        if PARENT_TAG in self.store.client.get_run(run_id).data.tags:
            return
        for key, value in tags.items():
            self.store.client.set_tag(run_id, key, cut(value, TAG_LENGTH))

    def log_params(self, params: Mapping[str, str]) -> None:
        """Record parameters as far as they are not there; what is there cannot change in MLflow."""
        new = [Param(key, cut(value, PARAM_LENGTH)) for key, value in params.items() if key not in self._params]
        for start in range(0, len(new), _PARAMS_AT_ONCE):
            self.store.client.log_batch(self.run_id, params=new[start : start + _PARAMS_AT_ONCE])
        self._params |= {param.key: param.value for param in new}

    def finish(self, error: BaseException | None, *, is_done: bool) -> None:
        """End the parent: FINISHED where all jobs are done, KILLED after an interruption, else FAILED."""
        status = "KILLED" if is_interruption(error) else "FINISHED" if is_done and error is None else "FAILED"
        self._lease.stop()
        try:
            if why_away(self.store.uri) is None:
                self.store.client.set_terminated(self.run_id, status=status)
        except _STORE_ERRORS as failure:
            _log.warning("the parent's status could not be set to %s: %s", status, failure)

    def close(self) -> None:
        """Let others have it."""
        self._lease.release()


def children_of(parent_id: str) -> str:
    """MLflow's filter for the runs under a parent."""
    return f"tags.`{PARENT_TAG}` = '{parent_id}'"


def children(store: Store, experiment_id: str, parent_id: str) -> list[Child]:
    """The runs under a parent, the latest first."""
    return [
        Child(str(run.info.run_id), run.info.status, run.data.tags, run.info.start_time / 1000, is_held(run))
        for run in search_runs(store, [experiment_id], children_of(parent_id))
    ]


def record_failure(store: Store, experiment_id: str, run_id: str | None, name: str, tags: Mapping[str, str]) -> None:
    """Leave with the run of a job that failed why it did.

    Args:
        store: the store; where it does not answer, nothing is left.
        experiment_id: of the sweep.
        run_id: the job's run; None: it failed before it had one, and is given one that is FAILED.
        name: the run's name.
        tags: its tags, `ERROR_TAG` among them.

    """
    with suppress(InputError, *_STORE_ERRORS):
        if run_id is not None:
            store.client.set_tag(run_id, ERROR_TAG, tags[ERROR_TAG])
            return
        made = create_run(store, experiment_id, name, tags)
        store.client.set_terminated(str(made.info.run_id), status="FAILED")


def is_stopped(store: Store, parent_id: str) -> bool:
    """True once a sweep that stops at the first failure has had one; False where the store does not answer."""
    try:
        return STOPPED_TAG in store.client.get_run(parent_id).data.tags
    except _STORE_ERRORS:
        return False


def stop(store: Store, parent_id: str) -> None:
    """Let no further job of the sweep begin, as far as the store answers."""
    with suppress(*_STORE_ERRORS):
        store.client.set_tag(parent_id, STOPPED_TAG, "1")


def rewrite(store: Store, parent_id: str, note: str, metrics: Mapping[str, float], files: Path) -> None:
    """Bring a parent up to date; a warning where the store does not take it.

    Args:
        store: the store.
        parent_id: run id of the parent.
        note: what its page says first, in Markdown.
        metrics: their present values.
        files: a folder, whose files become the artifacts of these paths; tables end in `.json`.

    """
    try:
        reason = why_away(store.uri)
        if reason is not None:
            raise OSError(reason)
        store.client.log_artifacts(parent_id, str(files))
        tables = sorted(path.relative_to(files).as_posix() for path in files.rglob("*.json"))
        tags = {_NOTE_TAG: note, LOGGED_TABLES_TAG: logged_tables(tables)}
        now = int(time.time() * 1000)
        store.client.log_batch(
            parent_id,
            metrics=[Metric(key, float(value), now, 0) for key, value in metrics.items()],
            tags=[RunTag(key, cut(value, TAG_LENGTH)) for key, value in tags.items()],
        )
    except _STORE_ERRORS as error:
        _log.warning("the parent run %s is not up to date: %s", parent_id, error)


def _give_way_to_an_older(store: Store, run_id: str, identity: SweepIdentity) -> None:
    """The later of two processes that began the same on a server at once has none."""
    first = _parent(store, identity)
    if first is not None and first.info.run_id != run_id:
        store.client.delete_run(run_id)
        raise InputError(f"{identity.setting}: another process has just begun this; wait for it or end it")


def _parent(store: Store, identity: SweepIdentity) -> Run | None:
    """The oldest parent of this kind and name."""
    experiments = [experiment.experiment_id for experiment in store.client.search_experiments()]
    where = f"tags.`{KIND_TAG}` = '{identity.kind}' and tags.`{NAME_TAG}` = '{identity.name}'"
    found = search_runs(store, experiments, where)
    return min(found, key=lambda run: (run.info.start_time, run.info.run_id)) if found else None


def _check_same(identity: SweepIdentity, run: Run, experiment_id: str, store: Store) -> None:
    differences = identity.differences(run)
    if run.info.experiment_id != experiment_id:
        other = store.client.get_experiment(run.info.experiment_id).name
        differences.append(f"it is in the experiment {other!r}, by tracking.experiment")
    if differences:
        raise InputError(
            f"{identity.setting}: {store.shown} has a {identity.kind} of this name (run {run.info.run_id}), and "
            f"{'; '.join(differences)}: give its settings to go on with it, or another {identity.kind}.name"
        )
