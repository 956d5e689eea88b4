"""A configuration on its way to the work that it describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


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
