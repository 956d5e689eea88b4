"""A configuration on its way to the work that it describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """A job's place in a sweep."""

    label: str
    """It begins each line that the job prints: `[3/12]`."""
    run_name: str
    """What tells its run from those of its siblings: `initializer=bpe seed=2`."""
    tags: Mapping[str, str]
    """The tags of its run, that of its parent among them."""


@dataclass(frozen=True)
class Result:
    """What a job has come to."""

    run_id: str
    metrics: Mapping[str, float]
    """`test/…`, and the last value of every other metric."""


@dataclass(frozen=True)
class Job(Generic[T]):
    """One job of a command line: a training, an evaluation or a baseline, and what is recorded of its configuration."""

    config: T
    """The configuration."""
    resolved: Mapping[str, Any]
    """The configuration in plain containers."""
    overrides: Sequence[str] = ()
    """The settings of the command line that made it."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """The option of each configuration group."""
    chosen: Sequence[str] = ()
    """What was left open and was chosen from the training texts, in words."""
    swept: Mapping[str, str] = field(default_factory=dict)
    """The settings among them that a sweep varies: key → value as on the command line."""
    member: Member | None = None
    """The job's place in a sweep that is recorded."""
