"""Removing local copies of runs that MLflow holds whole: nothing is removed that was not looked at there.

A copy goes only if its run is finished, nobody records it, its journal is sound and MLflow's mark names the journal's
last commit, and every file and checkpoint that a commit sent is among the run's artifacts with the digest it had.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from tokenlayer.errors import InputError
from tokenlayer.progress import tracked
from tokenlayer.tracking.folder import CHECKPOINTS, RunFolder, recorded_runs, runs_folder
from tokenlayer.tracking.journal import Commit, latest_files, latest_holders
from tokenlayer.tracking.lease import is_held, mark_dead_runs
from tokenlayer.tracking.mirror import COMMIT_TAG, marked
from tokenlayer.tracking.remote import RemoteRun
from tokenlayer.tracking.store import Store, open_store

_REMOVED = ".pruned-"
_UNKNOWN = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class Pruned:
    """What became of the local copy of a run."""

    run_id: str
    name: str
    """The run's name; empty where the store does not know the run."""
    n_bytes: int
    """The size of the copy."""
    kept: str | None
    """Why it was kept; None where it was removed."""


def prune(uri: str | None, output_dir: Path) -> Iterator[Pruned]:
    """Remove local copies of finished runs that MLflow holds whole, one after the other.

    Args:
        uri: tracking URI; None: the default store of `output_dir`.
        output_dir: holds the copies.

    Raises:
        InputError: no such store.

    """
    store = open_store(uri, output_dir, create=False)
    mark_dead_runs(store)
    for left in runs_folder(output_dir).glob(f"{_REMOVED}*"):  # by a process that was killed while it removed
        shutil.rmtree(left, ignore_errors=True)
    local = recorded_runs(output_dir)
    for run_id in tracked(local, "comparing runs with MLflow's copies", len(local)):
        yield _pruned(store, RunFolder(output_dir, run_id))


def _pruned(store: Store, folder: RunFolder) -> Pruned:
    run_id = folder.root.name
    n_bytes = sum(path.stat().st_size for path in folder.root.rglob("*") if path.is_file())
    try:
        run = store.client.get_run(run_id)
    except MlflowException as error:
        reason = "does not hold this run" if error.error_code == _UNKNOWN else f"gives no answer: {error.message}"
        return Pruned(run_id, "", n_bytes, f"{store.shown} {reason}")
    name = str(run.info.run_name)
    try:
        folder.lock()
    except InputError:
        return Pruned(run_id, name, n_bytes, "it is being recorded")
    try:
        kept = next(_why_kept(store, run, folder), None) or _remove(folder)
    finally:
        folder.unlock()
    return Pruned(run_id, name, n_bytes, kept)


def _remove(folder: RunFolder) -> str | None:
    """Remove the copy at once for whoever looks: half a copy would look damaged. Gives why it could not be removed."""
    aside = folder.root.with_name(f"{_REMOVED}{folder.root.name}")
    try:
        folder.root.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        return f"it could not be removed ({error.strerror})"
    return None


def _why_kept(store: Store, run: Run, folder: RunFolder) -> Iterator[str]:
    """The reasons for which the copy of a run has to stay; none where all of it is in the store."""
    if run.info.lifecycle_stage != "active":
        yield "the run is deleted in the store"
    if run.info.status != "FINISHED":
        yield f"the run is not finished, but {run.info.status}"
    if is_held(run):
        yield "it is being recorded elsewhere"
    reading = folder.read_commits()
    commits = reading.commits
    if reading.damage is not None:
        yield f"its journal cannot be believed: {reading.damage}"
    if not commits or commits[-1].digest != marked(run.data.tags.get(COMMIT_TAG)):
        yield "the store lacks some of it, or has another history; tokenlayer sync sends what is missing"
    yield from (f"{path} belongs to no commit" for path in _apart(folder))
    with tempfile.TemporaryDirectory() as scratch:
        for name in _lacking(RemoteRun(store, run, Path(scratch)), commits):
            yield f"the store's {name} is gone, or not what was recorded"


def _apart(folder: RunFolder) -> Iterator[Path]:
    """Files of the folder that no commit names: written since the last, or of a history that was set aside."""
    yield from (path for path in folder.incoming.rglob("*") if path.is_file())
    yield from folder.root.glob("aside-*")


def _lacking(remote: RemoteRun, commits: Sequence[Commit]) -> Iterator[str]:
    """The artifacts that are not in the store as they were recorded."""
    theirs = [commit.digest for commit in remote.journal()]
    if theirs != [commit.digest for commit in commits]:
        yield "journal"
    holders = latest_holders(commits)
    wanted = {name: digest for name, (digest, _) in latest_files(commits).items()}
    wanted |= {alias: saved.digest for alias, saved in holders.items()}
    for saved in (commit.checkpoint for commit in commits):
        if saved is not None and saved.keep:
            wanted[f"{CHECKPOINTS}/{saved.file}"] = saved.digest
    for name, digest in wanted.items():
        if not remote.holds(name, digest):
            yield name
