"""The stage that each job of a sweep has reached, by the runs under its parent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from tokenlayer.sweeps.plan import PlannedJob
from tokenlayer.tracking.sweep_run import Child
from tokenlayer.tracking.sweep_tags import CODE_TAG, DATA_TAG, JOB_TAG, SOURCE_TAG, settings_of

_DIGITS = 16


class State(Enum):
    """The stage of a job."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    """Stopped, or killed: it is continued."""
    FAILED = "failed"
    """It is tried again, from its last commit if it has one."""
    RUNNING = "running elsewhere"
    """Another process records it."""
    MISSING = "to run"


@dataclass(frozen=True)
class JobState:
    """A job, and how far it has come."""

    name: str
    """What tells it from its siblings: `initializer=bpe seed=2`."""
    swept: Mapping[str, str]
    """Swept key → value."""
    state: State
    run_id: str | None = None
    data: str | None = None
    """The hash of the texts that its run was made on."""
    source: str | None = None
    """The hash of the settings that name them."""
    code: str | None = None
    """The hash of the code that made its run."""


def states(jobs: Sequence[PlannedJob], children: Sequence[Child]) -> list[JobState]:
    """The state of each job.

    Args:
        jobs: all jobs of the command line.
        children: the runs under the sweep's parent, the latest first.

    """
    by_job = _by_job(children)
    return [_state(job.name, job.swept, by_job.get(job.key, [])) for job in jobs]


def earlier(jobs: Sequence[PlannedJob], children: Sequence[Child]) -> list[JobState]:
    """The state of each job of the sweep that the command line does not have, the oldest first.

    Args:
        jobs: all jobs of the command line.
        children: the runs under the sweep's parent, the latest first.

    """
    by_job = _by_job(children[::-1])
    others = by_job.keys() - {job.key for job in jobs}
    return [
        _state(" ".join(f"{key}={value}" for key, value in settings.items()), settings, runs[::-1])
        for job, runs in by_job.items()
        if job in others and (settings := settings_of(runs[0].tags))
    ]


def _by_job(children: Sequence[Child]) -> dict[str, list[Child]]:
    by_job: dict[str, list[Child]] = {}
    for child in children:
        by_job.setdefault(child.tags.get(JOB_TAG, ""), []).append(child)
    return by_job


def _state(name: str, swept: Mapping[str, str], runs: Sequence[Child]) -> JobState:
    if not runs:
        return JobState(name, swept, State.MISSING)
    # A job that failed early and was begun anew has several.
    run = next((run for run in runs if run.status == "FINISHED"), runs[0])
    state = {"FINISHED": State.DONE, "FAILED": State.FAILED}.get(run.status, State.INTERRUPTED)
    if state is State.INTERRUPTED and run.is_recorded_now:
        state = State.RUNNING
    tags = run.tags
    return JobState(name, swept, state, run.run_id, tags.get(DATA_TAG), tags.get(SOURCE_TAG), tags.get(CODE_TAG))


def counted(states: Iterable[JobState]) -> dict[State, int]:
    """The number of jobs in each state that some are in."""
    found: dict[State, int] = {}
    for item in states:
        found[item.state] = found.get(item.state, 0) + 1
    return found


def listed(states: Iterable[JobState]) -> str:
    """`10 done, 1 failed, 1 to run`."""
    return ", ".join(f"{count} {state.value}" for state, count in counted(states).items())


@cache
def code_digest() -> str:
    """A hash of this package's code, wherever it is installed: the same code gives the same."""
    digest = hashlib.sha256()
    folder = Path(__file__).parents[1]
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}:".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:_DIGITS]
