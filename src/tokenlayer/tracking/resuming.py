"""Bringing a run's folder back to its last commit, from local files or from MLflow's."""

import shutil
from pathlib import Path

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from tokenlayer.errors import InputError
from tokenlayer.tracking.folder import CHECKPOINTS, JOURNAL_ARTIFACT, RunFolder, digest
from tokenlayer.tracking.journal import Commit, SavedCheckpoint, latest_holders, read_journal, resume_point
from tokenlayer.tracking.mirror import COMMIT_TAG
from tokenlayer.tracking.store import Store
from tokenlayer.tracking.tables import read_parts


def restore(store: Store, run: Run, folder: RunFolder) -> list[Commit]:
    """Leave in the folder exactly what the run's commits name, and return them.

    Raises:
        InputError: MLflow's copy is needed and not whole.

    """
    sent = int(run.data.tags.get(COMMIT_TAG, "0"))
    commits = folder.read_commits()
    if folder.origin() is None or len(commits) < sent or not _has_checkpoint(folder, commits):
        commits = _download(store, run.info.run_id, folder, sent)
    folder.drop_uncommitted(commits)
    return commits


def recorded_at(folder: RunFolder, commits: list[Commit], step: int) -> frozenset[tuple[str, int]]:
    """Names and steps of the committed metrics at `step` or later: not to be recorded again."""
    parts = [
        folder.artifacts / commit.metrics
        for commit in commits
        if commit.metrics is not None and commit.rows_to is not None and commit.rows_to >= step
    ]
    if not parts:
        return frozenset()
    rows = read_parts(parts)
    return frozenset(
        (key, at) for key, at in zip(rows["key"].to_pylist(), rows["step"].to_pylist(), strict=True) if at >= step
    )


def _has_checkpoint(folder: RunFolder, commits: list[Commit]) -> bool:
    point = resume_point(commits)
    return point is None or (point.checkpoint is not None and (folder.checkpoints / point.checkpoint.file).is_file())


def check_can_go_on(run_id: str, commits: list[Commit]) -> None:
    """Raise InputError when rows later than the last checkpoint are committed: they would be there twice."""
    point = resume_point(commits)
    done = 0 if point is None else point.step
    after = commits if point is None else commits[point.number + 1 :]
    rows_to = max((commit.rows_to for commit in after if commit.rows_to is not None), default=-1)
    if rows_to > done or (point is None and rows_to >= 0):
        raise InputError(
            f"resume={run_id}: the run recorded steps up to {rows_to}, but "
            f"{'it has no checkpoint' if point is None else f'its last checkpoint is of step {done}'}; "
            "going on would record them twice: start a new run (all that was recorded is in MLflow)"
        )


def _download(store: Store, run_id: str, folder: RunFolder, sent: int) -> list[Commit]:
    """Bring the run's files back from MLflow and return the commits they belong to."""
    remote = _Remote(store, run_id, folder.scratch)
    journal = remote.fetch(JOURNAL_ARTIFACT)
    if journal is None:
        if sent:
            raise InputError(f"resume={run_id}: its artifact {JOURNAL_ARTIFACT} is missing in {store.shown}")
        return []
    commits = _whole_commits(run_id, read_journal(journal), remote, sent)
    for name in dict.fromkeys(name for commit in commits for name in commit.files):
        source = remote.fetch(name)
        if source is None:
            raise InputError(f"resume={run_id}: its artifact {name} is missing in {store.shown}")
        target = folder.artifacts / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    for saved in {*latest_holders(commits).values(), *_last_saved(commits)}:
        source = remote.checkpoint(saved)
        if source is not None:
            shutil.copyfile(source, folder.checkpoints / saved.file)
    folder.mark_mirrored(min(sent, len(commits)))
    return commits


def _whole_commits(run_id: str, commits: list[Commit], remote: "_Remote", sent: int) -> list[Commit]:
    """The commits up to the last one whose checkpoint is there: a later one's sending broke off before it."""
    while (point := resume_point(commits)) is not None and point.checkpoint is not None:
        if remote.checkpoint(point.checkpoint) is not None:
            break
        if point.number < sent:
            raise InputError(
                f"resume={run_id}: the checkpoint of step {point.step} is not among the run's artifacts any "
                "more, and its metrics are recorded; start a new run"
            )
        commits = commits[: point.number]
    return commits


def _last_saved(commits: list[Commit]) -> list[SavedCheckpoint]:
    point = resume_point(commits)
    return [] if point is None or point.checkpoint is None else [point.checkpoint]


class _Remote:
    """The run's artifacts in MLflow, each downloaded once."""

    def __init__(self, store: Store, run_id: str, scratch: Path) -> None:
        self._store = store
        self._run_id = run_id
        self._scratch = scratch
        self._fetched: dict[str, Path | None] = {}

    def fetch(self, name: str) -> Path | None:
        """The local copy of an artifact; None when there is no such artifact."""
        if name not in self._fetched:
            try:
                path = self._store.client.download_artifacts(self._run_id, name, str(self._scratch))
                self._fetched[name] = Path(path)
            except (MlflowException, OSError):
                self._fetched[name] = None
        return self._fetched[name]

    def checkpoint(self, saved: SavedCheckpoint) -> Path | None:
        """The local copy of a checkpoint, under whichever name its content is found."""
        for name in (*saved.aliases, f"{CHECKPOINTS}/{saved.file}"):
            path = self.fetch(name)
            if path is not None and digest(path) == saved.digest:
                return path
        return None
