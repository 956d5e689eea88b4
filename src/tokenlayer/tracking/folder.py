"""The folder of a run: what lies where, what MLflow has of it, and the lock of who writes."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from tokenlayer.atomic import replace_text
from tokenlayer.errors import InputError
from tokenlayer.tracking.journal import Commit, latest_holders, read_journal, resume_point, write_journal

CHECKPOINTS = "checkpoints"
JOURNAL_ARTIFACT = "journal/commits.jsonl"


def metrics_artifact(number: int) -> str:
    """Artifact path of the metric rows of a commit."""
    return f"journal/metrics/part-{number:06d}.parquet"


def runs_folder(output_dir: Path) -> Path:
    """Return the folder that holds the runs of an output folder, one folder each."""
    return output_dir.absolute() / "runs"


class RunFolder:
    """`<output_dir>/runs/<run_id>`.

    Attributes:
        artifacts: the tree as it will be in MLflow, checkpoints left out.
        incoming: files written since the last commit, in the same tree.
        checkpoints: checkpoints, named by step.
        scratch: files on their way to MLflow.
        journal: the journal's file.

    """

    def __init__(self, output_dir: Path, run_id: str) -> None:
        self.root = runs_folder(output_dir) / run_id
        self.artifacts = self.root / "artifacts"
        self.incoming = self.root / "incoming"
        self.checkpoints = self.root / CHECKPOINTS
        self.scratch = self.root / "scratch"
        self.journal = self.root / "commits.jsonl"
        self._mark = self.root / "mirrored"
        self._status = self.root / "status"
        self._origin = self.root / "run.json"
        self._lock = FileLock(self.root / "lock")

    def open(self) -> None:
        """Make the folder and keep other processes out of it.

        Raises:
            InputError: another process records this run.

        """
        for folder in (self.artifacts, self.incoming, self.checkpoints, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(
                f"resume={self.root.name}: another process is recording this run; wait for it or end it"
            ) from error

    def close(self) -> None:
        """Let other processes in."""
        self._lock.release()

    def write_origin(self, uri: str, experiment: str) -> None:
        """Note where the run is mirrored to, for whoever looks for it in the wrong place."""
        replace_text(self._origin, json.dumps({"uri": uri, "experiment": experiment}) + "\n")

    def origin(self) -> str | None:
        """The URI the run is mirrored to; None when this folder does not know the run."""
        return str(json.loads(self._origin.read_text())["uri"]) if self._origin.exists() else None

    def write_status(self, status: str) -> None:
        """Note how the run ended; MLflow may hear of it only later."""
        replace_text(self._status, f"{status}\n")

    def status(self) -> str | None:
        """Return how the run last ended; None if it was killed before that was noted."""
        return self._status.read_text().strip() if self._status.exists() else None

    def mirrored(self) -> int:
        """Return how many commits MLflow has."""
        return int(self._mark.read_text()) if self._mark.exists() else 0

    def mark_mirrored(self, count: int) -> None:
        """Note that MLflow has the first `count` commits."""
        replace_text(self._mark, f"{count}\n")

    def accept_incoming(self) -> tuple[str, ...]:
        """Move the incoming files among the artifacts, each at once; returns their artifact paths."""
        names = sorted(p.relative_to(self.incoming).as_posix() for p in self.incoming.rglob("*") if p.is_file())
        for name in names:
            target = self.artifacts / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (self.incoming / name).replace(target)
        return tuple(names)

    def drop_uncommitted(self, commits: list[Commit]) -> None:
        """Remove what no commit names: half-written files, later parts, checkpoints that nothing needs."""
        for folder in (self.incoming, self.scratch):
            shutil.rmtree(folder)
            folder.mkdir()
        named = {name for commit in commits for name in commit.files}
        for path in [p for p in self.artifacts.rglob("*") if p.is_file()]:
            if path.relative_to(self.artifacts).as_posix() not in named:
                path.unlink()
        write_journal(self.journal, commits)
        needed = self._needed_checkpoints(commits)
        for path in self.checkpoints.iterdir():
            if path.name not in needed:
                path.unlink()

    def prune_checkpoints(self, commits: list[Commit]) -> None:
        """Delete the checkpoints of commits that nothing needs any more; others are left alone."""
        needed = self._needed_checkpoints(commits)
        for file in {c.checkpoint.file for c in commits if c.checkpoint is not None} - needed:
            (self.checkpoints / file).unlink(missing_ok=True)

    def _needed_checkpoints(self, commits: list[Commit]) -> set[str]:
        """Names of: where to resume from, what holds an alias (the best), what waits to be sent for good."""
        needed = {saved.file for saved in latest_holders(commits).values()}
        last = resume_point(commits)
        if last is not None and last.checkpoint is not None:
            needed.add(last.checkpoint.file)
        waiting = [commit.checkpoint for commit in commits[self.mirrored() :]]
        return needed | {saved.file for saved in waiting if saved is not None and saved.keep}

    def read_commits(self) -> list[Commit]:
        """The commits of the local journal."""
        return read_journal(self.journal)


def digest(path: Path) -> str:
    """BLAKE2b of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def parts_of(names: Iterable[str], table: str) -> list[str]:
    """Return the artifact paths that are parts of `table`."""
    return [name for name in names if name.startswith(f"{table}/part-") and name.endswith(".parquet")]
