"""Bringing a run's folder back to its commits, from what is whole here and in MLflow.

Nothing is believed before its digest was compared. What is damaged or gone here is taken from MLflow's copy; where
that is damaged, too, the run goes back: to the commit before where MLflow knows nothing of the later ones, else to the
last checkpoint that is whole, the rows after it being known (`tracking/known_rows.py`). A warning says which.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenlayer.errors import InputError
from tokenlayer.tracking.folder import RunFolder
from tokenlayer.tracking.journal import Commit, SavedCheckpoint, latest_files, latest_holders
from tokenlayer.tracking.remote import RemoteRun
from tokenlayer.tracking.tables import PART

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class History:
    """What a run recorded so far."""

    commits: list[Commit]
    point: Commit | None = None
    """The commit from whose checkpoint the training goes on; None: from the beginning."""
    sent: int = 0
    """How many commits MLflow has."""


def restore(remote: RemoteRun, marked: str, folder: RunFolder) -> History:
    """Leave in the folder exactly what the run's commits name, and return them.

    Args:
        remote: the run in MLflow.
        marked: the digest of the last commit that MLflow has; empty: it has none.
        folder: the run's folder, open.

    Raises:
        InputError: what is needed is whole neither here nor in MLflow.

    """
    return _Restoration(remote, marked, folder).restore()


def sent_of(commits: Sequence[Commit], marked: str) -> int | None:
    """How many of the commits MLflow has; None where its last one is not among them."""
    if not marked:
        return 0
    return next((commit.number + 1 for commit in commits if commit.digest == marked), None)


def whole_checkpoint(
    remote: RemoteRun, folder: RunFolder, saved: SavedCheckpoint, *, is_told: bool = True
) -> Path | None:
    """The local file of a checkpoint, brought from MLflow if it is damaged or gone; None if it is so there, too."""
    path = folder.checkpoints / saved.file
    if folder.has_checkpoint(saved.file, saved.digest):
        return path
    source = remote.fetch_checkpoint(saved)
    if source is None:
        return None
    if is_told:
        _log.warning("the checkpoint %s was damaged or gone here; MLflow's copy is taken", saved.file)
    shutil.copyfile(source, path)
    return path


class _Restoration:
    def __init__(self, remote: RemoteRun, marked: str, folder: RunFolder) -> None:
        self._remote = remote
        self._marked = marked
        self._folder = folder
        self._resume = f"resume={remote.run_id}"
        self._was_here = folder.journal.exists() or any(folder.artifacts.iterdir())

    def restore(self) -> History:
        commits = self._commits()
        sent = sent_of(commits, self._marked) or 0
        commits = self._with_whole_files(commits, sent)
        commits, point = self._with_checkpoints(commits, sent)
        self._folder.drop_uncommitted(commits, sent)
        return History(commits, point, min(sent, len(commits)))

    def _commits(self) -> list[Commit]:
        """The longest history that is the run's: the local one if MLflow's last commit is in it."""
        reading = self._folder.read_commits()
        local = reading.commits
        if sent_of(local, self._marked) is not None and (local or self._marked):
            if reading.damage is not None:
                _log.warning("%s: what comes after it is recorded again", reading.damage)
            return local
        theirs = self._remote.journal()
        if sent_of(theirs, self._marked) is None:
            raise InputError(
                f"{self._resume}: the journal of the run is damaged or gone in {self._folder.root}, and among its "
                f"artifacts in {self._remote.store.shown}; start a new run"
            )
        if [commit.digest for commit in local] != [commit.digest for commit in theirs[: len(local)]]:
            aside = self._folder.set_aside()
            _log.warning("the run was recorded elsewhere since; what differs is kept in %s", aside)
        elif self._was_here and len(theirs) > len(local):
            _log.warning(
                "%s: %d of %d commits are here; MLflow's copy is taken",
                reading.damage or f"the journal in {self._folder.root} is not the latest",
                len(local),
                len(theirs),
            )
        return theirs

    def _with_whole_files(self, commits: list[Commit], sent: int) -> list[Commit]:
        """The commits whose files are whole, brought here where they are not."""
        while True:
            lost = {
                name: number
                for name, (digest, number) in latest_files(commits).items()
                if not self._folder.has_file(name, digest) and not self._fetched(name, digest)
            }
            if not lost:
                return commits
            first = min(lost.values())
            if first < sent:
                break
            # MLflow knows nothing of them: they are as if they had not been.
            _log.warning("%s is damaged here: it is recorded again", ", ".join(sorted(lost)))
            commits = commits[:first]
        needed = [name for name, number in lost.items() if number < sent and PART.search(name)]
        if needed:
            raise InputError(
                f"{self._resume}: the artifact {needed[0]} is damaged or gone in {self._folder.root} and in "
                f"{self._remote.store.shown}; start a new run"
            )
        _log.warning("damaged or gone here and in MLflow: %s", ", ".join(sorted(lost)))
        return commits

    def _fetched(self, name: str, digest: str) -> bool:
        source = self._remote.fetch(name, digest)
        if source is None:
            return False
        if self._was_here:
            _log.warning("%s was damaged or gone here; MLflow's copy is taken", name)
        target = self._folder.artifacts / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        return True

    def _with_checkpoints(self, commits: list[Commit], sent: int) -> tuple[list[Commit], Commit | None]:
        """The commits, and the last of them whose checkpoint is whole, after what holds an alias was brought here."""
        point, lost = None, None
        for commit in reversed(commits):
            if commit.checkpoint is None:
                continue
            if self._has_checkpoint(commit.checkpoint):
                point = commit
                break
            lost = lost or commit
            if commit.number >= sent:
                commits = commits[: commit.number]
        if lost is not None:
            _log.warning(
                "the checkpoint of step %d is damaged or gone here and in MLflow; the run goes on from %s",
                lost.step,
                "its beginning" if point is None else f"step {point.step}",
            )
        for alias, saved in latest_holders(commits).items():
            is_last = lost is not None and saved == lost.checkpoint
            if not is_last and not self._has_checkpoint(saved):
                _log.warning("the checkpoint %s is damaged or gone here and in MLflow", alias)
                (self._folder.checkpoints / saved.file).unlink(missing_ok=True)
        return commits, point

    def _has_checkpoint(self, saved: SavedCheckpoint) -> bool:
        return whole_checkpoint(self._remote, self._folder, saved, is_told=self._was_here) is not None
