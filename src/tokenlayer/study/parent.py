"""The runs of a study under one parent, as those of a sweep are: by condition and seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from tokenlayer.study.conditions import Study, Task
from tokenlayer.study.status import Place, RunStatus, State
from tokenlayer.sweeps.plan import Plan, PlannedJob
from tokenlayer.sweeps.record import SweepPlace, SweepRecord
from tokenlayer.sweeps.report import SweepReport
from tokenlayer.tracking.commands import command_line
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.sweep_run import SweepIdentity, SweepRun
from tokenlayer.tracking.sweep_tags import job_tags

KEYS = ("condition", "seed")
_DIGITS = 8


class StudyParent:
    """The parent of a study's runs, while they are run; no other process can run the study then.

    Args:
        study: the study.
        settings: overrides of every condition, beside the study's own.
        tasks: all its runs.
        place: the store and the folder.

    Raises:
        InputError: the store cannot be used, or another process runs the study.

    """

    def __init__(self, study: Study, settings: Sequence[str], tasks: Sequence[Task], place: Place) -> None:
        fixed = (*study.common, *settings)
        digest = hashlib.sha256(json.dumps(fixed).encode()).hexdigest()[:_DIGITS]
        jobs = tuple(
            PlannedJob(number, task.overrides, _swept(task), task.name) for number, task in enumerate(tasks, 1)
        )
        self._plan = Plan(f"{study.name}-{digest}", "study", fixed, KEYS, jobs)
        tracking = TrackingConfig(uri=place.uri, experiment=study.name)
        identity = SweepIdentity(self._plan.name, "study", fixed, KEYS)
        self._parent = SweepRun.open(identity, tracking, place.output_dir)
        place_of_jobs = SweepPlace(
            self._plan, self._parent.run_id, self._parent.experiment_id, fail_fast=False, command=command_line()
        )
        self._record = SweepRecord(place_of_jobs, tracking, place.output_dir)
        self._report: SweepReport | None = None

    def environment(self, task: Task) -> Mapping[str, str]:
        """What a run of the task has to find in its environment, to come under the parent."""
        return {"MLFLOW_RUN_CONTEXT": json.dumps(job_tags(self._parent.run_id, _swept(task)))}

    def begin(self, runs: Sequence[RunStatus]) -> None:
        """Set the parent RUNNING, with the runs under it that were finished before there was one."""
        self._parent.begin()
        for run in runs:
            if run.state is State.DONE and run.run_id is not None:
                self._parent.adopt(run.run_id, job_tags(self._parent.run_id, _swept(run.task)))
        self.update()

    def update(self) -> None:
        """Write the parent anew, after a run has ended."""
        self._report = self._record.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.update()
            is_done = self._report is not None and self._report.is_done
            self._parent.finish(error, is_done=is_done)
        finally:
            self._parent.close()
            self._record.remove_lock()


def _swept(task: Task) -> dict[str, str]:
    return {"condition": task.condition.name, "seed": str(task.seed)}
