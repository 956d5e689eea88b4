"""The lease on a run in MLflow: one recorder writes to it, wherever it runs.

It is a tag of the run that names the holder (`tracking/holder.py`), given to a new run as it is made. A holder whose
process has ended on this machine is succeeded at once, one elsewhere when it has not been heard of for a while. MLflow
cannot compare and set: a recorder writes its name, and has the lease if it still stands there a moment later. It looks
again before it sends anything, and with each heartbeat.
"""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.errors import InputError, RunStoppedError
from tokenlayer.tracking.holder import HEARTBEAT_SECONDS, Holder
from tokenlayer.tracking.store import Store
from tokenlayer.tracking.uri import why_away

LEASE_TAG = "tokenlayer.lease"
# Longer than another recorder needs from reading the tag to writing it.
SETTLE_SECONDS = 1.0
_JOIN_SECONDS = 10.0
_RUNNING = "attributes.status = 'RUNNING'"
_PAGE = 1000

_log = logging.getLogger(__name__)
# Tokens of the leases that this process has not let go. One that it could not take back in MLflow is free all the same.
_held: set[str] = set()


class LeaseLostError(RunStoppedError):
    """Another process records the run now."""


class Lease:
    """The right to record one run, held by this process.

    Args:
        store: the store of the run.
        keeps_running: set the run to RUNNING again if somebody has held this process for dead; not for one that only
            sends what is left of a run that has ended.

    """

    def __init__(self, store: Store, *, keeps_running: bool = True) -> None:
        self._store = store
        self._keeps_running = keeps_running
        self._holder = Holder.this_process()
        self._run_id = ""
        self._taken_by: Holder | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def tags(self) -> Mapping[str, str]:
        """The tag for a run that is about to be made."""
        return {LEASE_TAG: self._holder.now().to_tag()}

    def begin(self, run_id: str) -> None:
        """Keep the lease of a run that was made with `tags`."""
        self._run_id = run_id
        _held.add(self._holder.token)
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def take(self, run: Run, asked_by: str = "resume={run_id}") -> None:
        """Take the lease on a run that there is.

        Args:
            run: the run.
            asked_by: the setting that names it, for the error.

        Raises:
            InputError: a process that lives, or may live, has it.

        """
        run_id = str(run.info.run_id)
        with self._store.exclusive():
            self._refuse_if_held(self._read(run_id), asked_by)
            self._store.client.set_tag(run_id, LEASE_TAG, self._holder.now().to_tag())
        if not self._store.is_file:
            time.sleep(SETTLE_SECONDS)
            self._refuse_if_held(self._read(run_id), asked_by)
        self.begin(run_id)

    def check(self) -> None:
        """Look whether the lease is still this process's; called before anything is sent.

        Raises:
            LeaseLostError: another process has it.
            MlflowException: the store does not answer.

        """
        if self._taken_by is None:
            self._look(self._read(self._run_id))
        if self._taken_by is not None:
            raise LeaseLostError(
                f"run {self._run_id} is recorded by another process now ({self._taken_by}): this one has stopped; "
                "what it has recorded stays in its folder"
            )

    def stop(self) -> None:
        """Send no more heartbeats: the run is about to end, and its status is not to be touched."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def release(self) -> None:
        """Let others have the run at once; a store that does not answer leaves the lease to be found dead."""
        self.stop()
        _held.discard(self._holder.token)
        if self._taken_by is not None or not self._run_id or why_away(self._store.uri) is not None:
            return
        with suppress(MlflowException, RequestException, SQLAlchemyError):
            holder = _holder(self._read(self._run_id))
            if holder is not None and holder.token == self._holder.token:
                self._store.client.delete_tag(self._run_id, LEASE_TAG)

    def _read(self, run_id: str) -> Run:
        return self._store.client.get_run(run_id)

    def _refuse_if_held(self, run: Run, asked_by: str) -> None:
        holder = _holder(run)
        if holder is not None and holder.token != self._holder.token and _is_alive(holder):
            setting = asked_by.format(run_id=run.info.run_id)
            raise InputError(f"{setting}: another process is recording this run ({holder}); wait for it or end it")

    def _look(self, run: Run) -> None:
        holder = _holder(run)
        if holder is not None and holder.token != self._holder.token:
            self._taken_by = holder

    def _keep(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS) and self._taken_by is None:
            # A store that is away gets the next heartbeat; the commits report it.
            with suppress(MlflowException, RequestException, SQLAlchemyError, OSError, ValueError):
                if why_away(self._store.uri) is None:
                    self._beat()

    def _beat(self) -> None:
        run = self._read(self._run_id)
        self._look(run)
        if self._taken_by is not None or self._ended.is_set():
            return
        self._store.client.set_tag(self._run_id, LEASE_TAG, self._holder.now().to_tag())
        # Someone held this process for dead, its clock or the network being slow.
        if self._keeps_running and run.info.status != "RUNNING" and not self._ended.is_set():
            self._store.client.update_run(self._run_id, status="RUNNING")


def mark_dead_runs(store: Store) -> list[str]:
    """Set the runs to KILLED that MLflow calls RUNNING and whose process is known to have ended; returns their ids.

    Runs without a lease, of other programs, are left alone.
    """
    marked = []
    try:
        experiments = [e.experiment_id for e in store.client.search_experiments()]
        for run in store.client.search_runs(experiments, _RUNNING, max_results=_PAGE):
            holder = _holder(run)
            if holder is None or _is_alive(holder):
                continue
            # Read again: it may have ended the run, and then itself, since the search.
            now = store.client.get_run(run.info.run_id)
            if now.info.status == "RUNNING" and _holder(now) == holder:
                store.client.set_terminated(run.info.run_id, status="KILLED")
                marked.append(str(run.info.run_id))
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        _log.warning("runs whose process has ended could not be looked for in %s: %s", store.shown, error)
    return marked


def is_held(run: Run) -> bool:
    """True if a process that lives, or may live, has the lease on the run."""
    holder = _holder(run)
    return holder is not None and _is_alive(holder)


def _is_alive(holder: Holder) -> bool:
    return holder.token in _held if holder.is_this_process() else holder.is_alive()


def _holder(run: Run) -> Holder | None:
    tag = run.data.tags.get(LEASE_TAG)
    return None if tag is None else Holder.from_tag(tag)
