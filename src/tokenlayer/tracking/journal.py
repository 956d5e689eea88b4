"""The journal of a run: one line per commit, appended whole or not at all."""

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenlayer.atomic import replace_text


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
    rows_to: int | None
    """The largest step among the commit's metrics and table rows; None: it has none."""
    metrics: str | None
    """Artifact path of the Parquet part with the commit's metric rows."""
    files: tuple[str, ...]
    """Artifact paths of the files written or replaced, the metrics part among them."""
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    checkpoint: SavedCheckpoint | None = None

    def to_line(self) -> str:
        """One line of JSON, with its newline."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False) + "\n"

    @staticmethod
    def from_line(line: str) -> "Commit":
        """Read what `to_line` wrote. Raises ValueError on a torn line."""
        fields: dict[str, Any] = json.loads(line)
        saved = fields.pop("checkpoint")
        if saved is not None:
            saved = SavedCheckpoint(**saved | {"aliases": tuple(saved["aliases"])})
        return Commit(**fields | {"files": tuple(fields["files"]), "checkpoint": saved})


def append_commit(path: Path, commit: Commit) -> None:
    """Append to the journal and wait until the disk has it."""
    with path.open("a", encoding="utf-8") as file:
        file.write(commit.to_line())
        file.flush()
        os.fsync(file.fileno())


def read_journal(path: Path) -> list[Commit]:
    """The whole commits of a journal, in order; a torn last line never happened."""
    commits: list[Commit] = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").split("\n"):
            try:
                commits.append(Commit.from_line(line))
            except ValueError:
                break
    return commits


def write_journal(path: Path, commits: Iterable[Commit]) -> None:
    """Put `commits` in the place of the journal, at once."""
    replace_text(path, "".join(commit.to_line() for commit in commits))


def resume_point(commits: Iterable[Commit]) -> Commit | None:
    """Return the last commit with a checkpoint, from which training continues."""
    return next((commit for commit in reversed(list(commits)) if commit.checkpoint is not None), None)


def latest_holders(commits: Iterable[Commit]) -> dict[str, SavedCheckpoint]:
    """For each alias the checkpoint that was last given it."""
    return {
        alias: commit.checkpoint
        for commit in commits
        if commit.checkpoint is not None
        for alias in commit.checkpoint.aliases
    }
