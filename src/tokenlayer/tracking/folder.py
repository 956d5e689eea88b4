"""The folder of a run: what lies where, and the lock of who writes."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tokenlayer.atomic import replace_text
from tokenlayer.errors import InputError
from tokenlayer.tracking.journal import (
    DIGEST_BYTES,
    Commit,
    Reading,
    SavedCheckpoint,
    latest_holders,
    read_journal,
    write_journal,
)

CHECKPOINTS = "checkpoints"
# Of the checkpoints from which training could go on: the latest, and the one before in case that gets damaged.
KEPT_TO_RESUME = 2
# Space that a full disk still has for the last words of a run: its last commit, and its status in a store beside it.
RESERVED_BYTES = 256 * 1024
_STARTING = ".starting-"
_ABANDONED_SECONDS = 3600.0


def metrics_artifact(number: int) -> str:
    """Artifact path of the metric rows of a commit."""
    return f"journal/metrics/part-{number:06d}.parquet"


def runs_folder(output_dir: Path) -> Path:
    """Return the folder that holds the runs of an output folder, one folder each."""
    return output_dir.absolute() / "runs"


def recorded_runs(output_dir: Path) -> list[str]:
    """The ids of the runs that an output folder has a journal of, in alphabetical order."""
    return sorted(journal.parent.name for journal in runs_folder(output_dir).glob("[!.]*/commits.jsonl"))


class RunFolder:
    """`<output_dir>/runs/<run_id>`.

    Attributes:
        artifacts: the tree as it will be in MLflow, checkpoints left out.
        incoming: files written since the last commit, in the same tree.
        checkpoints: checkpoints, named by step.
        scratch: files on their way to MLflow and back.
        journal: the journal's file.

    """

    def __init__(self, output_dir: Path, run_id: str) -> None:
        self._place(runs_folder(output_dir) / run_id)

    def _place(self, root: Path) -> None:
        self.root = root
        self.artifacts = root / "artifacts"
        self.incoming = root / "incoming"
        self.checkpoints = root / CHECKPOINTS
        self.scratch = root / "scratch"
        self.journal = root / "commits.jsonl"
        self._reserve = root / "reserve"
        self._origin = root / "run.json"
        self._lock = FileLock(root / "lock")

    @classmethod
    def starting(cls, output_dir: Path) -> "RunFolder":
        """A folder for a run that has no id yet: whether one can be written here shows before MLflow has the run.

        Raises:
            InputError: it cannot be written.

        """
        runs = runs_folder(output_dir)
        try:
            runs.mkdir(parents=True, exist_ok=True)
            for abandoned in runs.glob(f"{_STARTING}*"):
                if time.time() - abandoned.stat().st_mtime > _ABANDONED_SECONDS:
                    shutil.rmtree(abandoned, ignore_errors=True)
            folder = cls(output_dir, Path(tempfile.mkdtemp(prefix=_STARTING, dir=runs)).name)
            folder.root.chmod(0o777 & ~_umask())
            folder._make()
        except OSError as error:
            raise InputError(f"output_dir={output_dir} cannot be written to: {error}") from error
        return folder

    def take_name(self, run_id: str) -> None:
        """Give the folder of a run that has started its place, and keep other processes out of it."""
        root = self.root.with_name(run_id)
        self.root.rename(root)
        self._place(root)
        self.lock()

    def open(self) -> None:
        """Make the folder and keep other processes out of it.

        Raises:
            InputError: another process records this run, or the folder cannot be written.

        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.lock()
            self._make()
        except OSError as error:
            raise InputError(f"{self.root} cannot be written to: {error}") from error

    def _make(self) -> None:
        for folder in (self.artifacts, self.incoming, self.checkpoints, self.scratch):
            folder.mkdir(exist_ok=True)
        with self._reserve.open("wb") as file:
            file.write(os.urandom(RESERVED_BYTES))  # not zeros, which some file systems store as nothing

    def lock(self) -> None:
        """Keep other processes out, and write nothing.

        Raises:
            InputError: another process records this run.

        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(
                f"resume={self.root.name}: another process is recording this run; wait for it or end it"
            ) from error

    def close(self) -> None:
        """Let other processes in."""
        self.spend_reserve()
        self.unlock()

    def unlock(self) -> None:
        """Let other processes in, and leave the folder as it is."""
        self._lock.release()

    def remove(self) -> None:
        """Remove the folder of a run that did not start."""
        self._lock.release()
        shutil.rmtree(self.root, ignore_errors=True)

    def spend_reserve(self) -> None:
        """Give the disk the space back that was kept for the end of the run."""
        with suppress(OSError):  # a file system that turned read-only
            self._reserve.unlink()

    def write_origin(self, uri: str, experiment: str) -> None:
        """Note where the run is mirrored to, for whoever looks for it in the wrong place."""
        replace_text(self._origin, json.dumps({"uri": uri, "experiment": experiment}) + "\n")

    def origin(self) -> str | None:
        """The URI the run is mirrored to; None when this folder does not know it."""
        try:
            noted = json.loads(self._origin.read_text(encoding="utf-8"))
            return str(noted["uri"])
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def incoming_files(self) -> dict[str, str]:
        """The artifact path of each file written since the last commit, and its digest; the disk has them then."""
        paths = sorted(path for path in self.incoming.rglob("*") if path.is_file())
        return {path.relative_to(self.incoming).as_posix(): sealed(path) for path in paths}

    def accept(self, names: Iterable[str]) -> None:
        """Move incoming files that are committed among the artifacts, each at once."""
        for name in names:
            target = self.artifacts / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (self.incoming / name).replace(target)

    def has_file(self, name: str, wanted: str) -> bool:
        """True if the artifact has the wanted digest. A process killed within a commit has left it incoming."""
        incoming = self.incoming / name
        if is_file_of(incoming, wanted):
            self.accept([name])
            return True
        return is_file_of(self.artifacts / name, wanted)

    def saved_checkpoint(self, path: Path, aliases: tuple[str, ...], keep: bool) -> SavedCheckpoint:
        """A checkpoint that a commit is to name; the disk has it then. Raises ValueError for one elsewhere."""
        if path.parent.resolve() != self.checkpoints.resolve():
            raise ValueError(f"{path} does not lie in {self.checkpoints}")
        return SavedCheckpoint(path.name, sealed(path), aliases, keep)

    def has_checkpoint(self, name: str, wanted: str) -> bool:
        """True if the checkpoint is here, with the wanted digest."""
        return is_file_of(self.checkpoints / name, wanted)

    def drop_uncommitted(self, commits: Sequence[Commit], sent: int) -> None:
        """Remove what no commit names: half-written files, later parts, checkpoints that nothing needs."""
        for folder in (self.incoming, self.scratch):
            shutil.rmtree(folder)
            folder.mkdir()
        named = {name for commit in commits for name in commit.files}
        for path in [p for p in self.artifacts.rglob("*") if p.is_file()]:
            if path.relative_to(self.artifacts).as_posix() not in named:
                path.unlink()
        write_journal(self.journal, commits)
        needed = _needed_checkpoints(commits, sent)
        for path in self.checkpoints.iterdir():
            if path.name not in needed:
                path.unlink()

    def drop_incoming(self) -> None:
        """Remove what was written since the last commit, and free its space."""
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.incoming.mkdir(exist_ok=True)

    def prune_checkpoints(self, histories: Sequence[tuple[Sequence[Commit], int]]) -> None:
        """Delete the checkpoints of commits that nothing needs any more; others are left alone.

        Args:
            histories: commits, and how many of them are sent: all of the run, and those that are being sent.

        """
        needed = {file for commits, sent in histories for file in _needed_checkpoints(commits, sent)}
        of_commits = {c.checkpoint.file for commits, _ in histories for c in commits if c.checkpoint is not None}
        for file in of_commits - needed:
            (self.checkpoints / file).unlink(missing_ok=True)

    def set_aside(self) -> Path:
        """Move a history that is not the run's into a folder of its own, and return that."""
        aside = Path(tempfile.mkdtemp(prefix="aside-", dir=self.root))
        for path in (self.journal, self.artifacts, self.incoming, self.checkpoints):
            path.rename(aside / path.name)
        self._make()
        return aside

    def read_commits(self) -> Reading:
        """The commits of the local journal, as far as it can be believed."""
        return read_journal(self.journal)

    def whole_file(self, name: str, commits: Sequence[Commit]) -> Path | None:
        """The path of a committed file; None where it is not here, or not as it was committed."""
        wanted: Mapping[str, str] = {key: digest for commit in commits for key, digest in commit.files.items()}
        if name not in wanted:
            return None
        for folder in (self.incoming, self.artifacts):
            if is_file_of(folder / name, wanted[name]):
                return folder / name
        return None


def _needed_checkpoints(commits: Sequence[Commit], sent: int) -> set[str]:
    """Names of: where to resume from, what holds an alias (the best), what waits to be sent for good."""
    needed = {saved.file for saved in latest_holders(commits).values()}
    saved = [commit.checkpoint for commit in commits if commit.checkpoint is not None]
    needed |= {checkpoint.file for checkpoint in saved[-KEPT_TO_RESUME:]}
    waiting = [commit.checkpoint for commit in commits[sent:] if commit.checkpoint is not None]
    return needed | {checkpoint.file for checkpoint in waiting if checkpoint.keep}


def digest(path: Path) -> str:
    """BLAKE2b of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).hexdigest()


def sealed(path: Path) -> str:
    """The digest of a file that the disk has."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return digest(path)


def is_file_of(path: Path, wanted: str) -> bool:
    """True if there is such a file, and it can be read, and it has the wanted digest."""
    try:
        return path.is_file() and digest(path) == wanted
    except OSError:
        return False


def parts_of(names: Iterable[str], table: str) -> list[str]:
    """Return the artifact paths that are parts of `table`."""
    return [name for name in names if name.startswith(f"{table}/part-") and name.endswith(".parquet")]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
