"""The stage that each job of a sweep has reached, by the runs under its parent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from tokenlayer.sweeps.plan import PlannedJob
from tokenlayer.tracking.sweep_run import Child
from tokenlayer.tracking.sweep_tags import CODE_TAG, DATA_TAG, JOB_TAG

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

    job: PlannedJob
    state: State
    run_id: str | None = None
    data: str | None = None
    """The hash of the texts that its run was made on."""
    code: str | None = None
    """The hash of the code that made its run."""


def states(jobs: Sequence[PlannedJob], children: Sequence[Child]) -> list[JobState]:
    """The state of each job.

    Args:
        jobs: all jobs of the command line.
        children: the runs under the sweep's parent, the latest first.

    """
    by_job: dict[str, list[Child]] = {}
    for child in children:
        by_job.setdefault(child.tags.get(JOB_TAG, ""), []).append(child)
    return [_state(job, by_job.get(job.key, [])) for job in jobs]


def _state(job: PlannedJob, runs: Sequence[Child]) -> JobState:
    if not runs:
        return JobState(job, State.MISSING)
    # A job that failed early and was begun anew has several.
    run = next((run for run in runs if run.status == "FINISHED"), runs[0])
    state = {"FINISHED": State.DONE, "FAILED": State.FAILED}.get(run.status, State.INTERRUPTED)
    if state is State.INTERRUPTED and run.is_recorded_now:
        state = State.RUNNING
    return JobState(job, state, run.run_id, run.tags.get(DATA_TAG), run.tags.get(CODE_TAG))


def counted(states: Iterable[JobState]) -> dict[State, int]:
    """The number of jobs in each state that some are in."""
    found: dict[State, int] = {}
    for item in states:
        found[item.state] = found.get(item.state, 0) + 1
    return found


@cache
def code_digest() -> str:
    """A hash of this package's code, wherever it is installed: the same code gives the same."""
    digest = hashlib.sha256()
    folder = Path(__file__).parents[1]
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}:".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:_DIGITS]
