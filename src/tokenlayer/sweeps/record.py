"""A sweep as it is recorded: by the process that runs it, and by those of its jobs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tokenlayer.data.config import DatasetConfig
from tokenlayer.redaction import redacted
from tokenlayer.sweeps.changes import data_tags
from tokenlayer.sweeps.plan import Plan, PlannedJob
from tokenlayer.sweeps.report import SweepReport
from tokenlayer.sweeps.states import JobState, code_digest, earlier, states
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.names import cut
from tokenlayer.tracking.reading import find_runs
from tokenlayer.tracking.store import open_store
from tokenlayer.tracking.sweep_run import children, children_of, is_stopped, record_failure, rewrite, stop
from tokenlayer.tracking.sweep_tags import CODE_TAG, ERROR_TAG, JOB_TAG, job_tags
from tokenlayer.training.job import Member

_ERROR_LENGTH = 1000
_LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class SweepPlace:
    """A sweep as its jobs know it, in whatever process they run."""

    plan: Plan
    parent_id: str
    experiment_id: str
    fail_fast: bool
    command: str
    """The command line, as it can be pasted."""


class SweepRecord:
    """A sweep's runs in the store.

    Args:
        place: the sweep.
        config: the store.
        output_dir: the folder of its runs.

    Raises:
        InputError: the store cannot be used.

    """

    def __init__(self, place: SweepPlace, config: TrackingConfig, output_dir: Path) -> None:
        self._place = place
        self._config = config
        self._output_dir = output_dir
        self._store = open_store(config.uri, output_dir)

    def states(self) -> tuple[list[JobState], list[JobState]]:
        """The state of each job of the command line; and of those of earlier ones that it does not have."""
        place = self._place
        found = children(self._store, place.experiment_id, place.parent_id)
        return states(place.plan.jobs, found), earlier(place.plan.jobs, found)

    def is_stopped(self) -> bool:
        """True if a job has failed and none is to begin after that."""
        return self._place.fail_fast and is_stopped(self._store, self._place.parent_id)

    def member(self, job: PlannedJob, dataset: DatasetConfig) -> Member:
        """What a job's run has to say of its place.

        Raises:
            InputError: the source of the texts cannot be read.

        """
        return Member(self.label(job), job.name, {**self._tags(job), **data_tags(dataset)})

    def label(self, job: PlannedJob) -> str:
        """What the lines of a job begin with: `[3/12]`."""
        return f"[{job.number}/{len(self._place.plan.jobs)}]"

    def _tags(self, job: PlannedJob) -> Mapping[str, str]:
        return {**job_tags(self._place.parent_id, job.swept), CODE_TAG: code_digest()}

    def record_failure(self, job: PlannedJob, error: BaseException, began: float, resumed: str | None) -> None:
        """Leave the error with the run of a job that has failed, which is given one if it did not come so far.

        Args:
            job: the job.
            error: what ended it.
            began: the time at which it began, in seconds since 1970.
            resumed: the run that it continued, if it did.

        """
        place = self._place
        found = children(self._store, place.experiment_id, place.parent_id)
        own = [child for child in found if child.tags.get(JOB_TAG) == job.key]
        run_id = next((child.run_id for child in own if child.started >= began or child.run_id == resumed), None)
        tags = {**self._tags(job), ERROR_TAG: cut(redacted(str(error)), _ERROR_LENGTH)}
        record_failure(self._store, place.experiment_id, run_id, job.name, tags)
        if place.fail_fast:
            stop(self._store, place.parent_id)

    def update(self) -> SweepReport:
        """Write the parent anew from what its children are now; returns what it says."""
        place = self._place
        # One job of the sweep at a time on this machine, or an older state could overwrite a newer one.
        with FileLock(self._lock(), timeout=_LOCK_SECONDS), tempfile.TemporaryDirectory() as scratch:
            runs = find_runs(self._config.uri, where=children_of(place.parent_id), output_dir=self._output_dir)
            report = SweepReport(place.plan, *self.states(), runs)
            report.write_files(Path(scratch))
            note = report.note(place.command)
            rewrite(self._store, place.parent_id, note, report.counts(), Path(scratch))
        return report

    def remove_lock(self) -> None:
        """Leave nothing behind in the output folder."""
        self._lock().unlink(missing_ok=True)

    def _lock(self) -> Path:
        return self._output_dir / f".sweep-{self._place.parent_id}.lock"
