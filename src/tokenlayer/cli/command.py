"""A command whose settings Hydra composes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tokenlayer.config.check import Spec
from tokenlayer.training.job import Job, Result

T = TypeVar("T")


@dataclass(frozen=True)
class Command(Generic[T]):
    """A primary configuration and what is done with it."""

    name: str
    """Name of the primary configuration: `train`."""
    spec: Spec[T]
    """The type of its configuration."""
    work: Callable[[Job[T]], Result | None]
    """The work of each job."""
    makes_sweeps: bool = False
    """Each job makes a run of its own, and those of a multirun are recorded under one parent. The configuration has
    `dataset`, `tracking`, `output_dir` and `sweep` then."""
    resumes: bool = False
    """A job that broke off is continued by the setting `resume=RUN`."""
    modules: Sequence[str] = ()
    """What its work imports, for processes that are to have it before they begin."""
