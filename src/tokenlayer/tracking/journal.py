"""The journal of a run: one line per commit, appended whole or not at all.

Each line carries a digest of itself and of the line before it, so that one digest stands for a whole history: two
journals that share it are the same up to there, and a line that was damaged or put in from elsewhere is not believed.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenlayer.atomic import replace_text

DIGEST_BYTES = 32


@dataclass(frozen=True)
class SavedCheckpoint:
    """A checkpoint that belongs to a commit."""

    file: str
    """File name in the run's `checkpoints/` folder."""
    digest: str
    """BLAKE2b of the file's content, in hexadecimal."""
    aliases: tuple[str, ...]
    """Artifact paths under which it is uploaded, over whatever was there."""
    keep: bool
    """True if it is uploaded under its own name, too."""


@dataclass(frozen=True)
class Commit:
    """The records since the commit before."""

    number: int
    step: int
    """Optimizer steps done."""
    metrics: str | None
    """Artifact path of the Parquet part with the commit's metric rows."""
    files: Mapping[str, str]
    """Artifact path of each file written or replaced, the metrics part among them, and the digest of its content."""
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    checkpoint: SavedCheckpoint | None = None
    tables: tuple[str, ...] = ()
    """Artifact paths of those files that MLflow's UI shows as tables."""
    status: str | None = None
    """The status that the run ends with, where this is its last commit."""
    previous: str = ""
    """Digest of the commit before; empty for the first."""

    @cached_property
    def digest(self) -> str:
        """BLAKE2b of this commit and all before it, in hexadecimal."""
        return hashlib.blake2b(self._content().encode(), digest_size=DIGEST_BYTES).hexdigest()

    def _content(self) -> str:
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)

    def to_line(self) -> str:
        """One line of JSON, with its newline."""
        return json.dumps({"digest": self.digest, **json.loads(self._content())}, ensure_ascii=False) + "\n"

    @staticmethod
    def from_line(line: str) -> "Commit":
        """Read what `to_line` wrote.

        Raises:
            ValueError: the line is torn, damaged, or none of a journal.

        """
        try:
            fields: dict[str, Any] = json.loads(line)
            digest = fields.pop("digest")
            saved = fields.pop("checkpoint")
            if saved is not None:
                saved = SavedCheckpoint(**saved | {"aliases": tuple(saved["aliases"])})
            commit = Commit(**fields | {"tables": tuple(fields["tables"])}, checkpoint=saved)
            is_whole = bool(commit.digest == digest)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"no line of a journal: {error}") from error
        if not is_whole:
            raise ValueError("the line is not what was written: its digest differs")
        return commit


def append_commit(path: Path, commit: Commit) -> None:
    """Append to the journal and wait until the disk has it.

    Raises:
        OSError: it could not be written, for want of space for instance; the journal is as it was.

    """
    # Without a buffer, which would write what is left in it when the file is closed.
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        line = memoryview(commit.to_line().encode())
        try:
            while line:
                line = line[file.write(line) :]
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), end)
            raise


@dataclass(frozen=True)
class Reading:
    """A journal as far as it can be believed."""

    commits: list[Commit]
    """The commits from the first on, in order."""
    damage: str | None
    """The place and kind of what follows and cannot be believed; None where nothing does. A torn last line is what a
    killed process leaves, and no damage."""


def read_journal(path: Path) -> Reading:
    """The whole commits of a journal; what comes after one that is damaged cannot be believed either."""
    if not path.exists():
        return Reading([], None)
    lines = path.read_bytes().split(b"\n")
    commits = list(whole_commits(lines))
    rest = lines[len(commits) :]
    # What ends without a newline was never appended whole.
    if len(rest) > 1:
        return Reading(commits, f"line {len(commits) + 1} of {path} is damaged")
    return Reading(commits, None)


def whole_commits(lines: Iterable[bytes]) -> Iterator[Commit]:
    """The commits of the lines up to the first that is damaged, or does not follow from the one before."""
    previous = ""
    for number, line in enumerate(lines):
        try:
            commit = Commit.from_line(line.decode())
        except ValueError:
            return
        if commit.number != number or commit.previous != previous:
            return
        previous = commit.digest
        yield commit


def write_journal(path: Path, commits: Iterable[Commit]) -> None:
    """Put `commits` in the place of the journal, at once."""
    replace_text(path, "".join(commit.to_line() for commit in commits))


def latest_files(commits: Iterable[Commit]) -> dict[str, tuple[str, int]]:
    """For each artifact path the digest of its latest content, and the number of the commit that has it."""
    return {name: (digest, commit.number) for commit in commits for name, digest in commit.files.items()}


def latest_holders(commits: Iterable[Commit]) -> dict[str, SavedCheckpoint]:
    """For each alias the checkpoint that was last given it."""
    return {
        alias: commit.checkpoint
        for commit in commits
        if commit.checkpoint is not None
        for alias in commit.checkpoint.aliases
    }
