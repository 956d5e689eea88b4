"""A sweep in the hands of the process that runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tokenlayer.config.typed import flatten
from tokenlayer.redaction import redacted_settings
from tokenlayer.sweeps.changes import check_code, check_data
from tokenlayer.sweeps.plan import Plan, PlannedJob
from tokenlayer.sweeps.record import SweepPlace, SweepRecord
from tokenlayer.sweeps.report import SweepReport
from tokenlayer.sweeps.states import State, listed
from tokenlayer.terminal import complain, safe
from tokenlayer.tracking.commands import command_line, compare_command, ui_command
from tokenlayer.tracking.lease import mark_dead_runs
from tokenlayer.tracking.sweep_run import SweepIdentity, SweepRun
from tokenlayer.training.job import Job

_TO_RUN = (State.MISSING, State.INTERRUPTED, State.FAILED)


class RunningSweep:
    """The sweep of a command line, from before its first job to after its last.

    As a context manager it gives the parent its status in the end, which is left as it was where the sweep has not
    begun.

    Args:
        plan: the sweep.
        config: the configuration of one of its jobs.

    Raises:
        InputError: the store cannot be used; the sweep is another by its settings, or is being run.

    """

    def __init__(self, plan: Plan, config: Any) -> None:
        self._plan = plan
        self._settings = config.sweep
        self._tracking = config.tracking
        self._output_dir = Path(config.output_dir)
        identity = SweepIdentity(plan.name, plan.command, plan.fixed, plan.keys)
        self._parent = SweepRun.open(identity, config.tracking, self._output_dir.absolute())
        fail_fast = config.sweep.fail_fast
        self.place = SweepPlace(plan, self._parent.run_id, self._parent.experiment_id, fail_fast, command_line())
        self._record = SweepRecord(self.place, config.tracking, self._output_dir.absolute())
        self._has_begun = False
        self._report: SweepReport | None = None

    def begin(self, jobs: Sequence[Job[Any]]) -> list[tuple[PlannedJob, str | None]]:
        """Begin, or go on; the jobs that are to be run, each with the run in which it was begun before.

        Args:
            jobs: all jobs.

        Raises:
            InputError: jobs were run on other texts, or by other code if that is to be refused.

        """
        present, earlier = self._record.states()
        check_data([*earlier, *present], [job.config.dataset for job in jobs])
        warning = check_code([*earlier, *present], self._settings)
        if warning is not None:
            complain(warning)
        self._parent.begin()
        self._has_begun = True
        self._parent.log_params(_common([job.resolved for job in jobs]))
        more = f" (and {len(earlier)} of earlier command lines: {listed(earlier)})" if earlier else ""
        print(safe(f"sweep {self._plan.name}: {len(present)} jobs, {listed(present)}{more}"), flush=True)
        print(f"run {self._parent.run_id}", flush=True)
        self._record.update()
        planned = zip(self._plan.jobs, present, strict=True)
        return [(job, state.run_id) for job, state in planned if state.state in _TO_RUN]

    def end(self) -> bool:
        """Write the parent a last time, and show what has come of the jobs; true if this command line's are done."""
        # Of jobs in other processes, some may have been killed.
        mark_dead_runs(self._parent.store)
        self._report = self._record.update()
        self._report.show()
        place = (self._tracking.uri, self._output_dir)
        print(safe(f"look at it with: {ui_command(self._parent.run_id, *place)}"))
        print(safe(f"compare with: {compare_command(self._plan.name, *place)}"), flush=True)
        return self._report.is_present_done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._has_begun:
                self._finish(error)
        finally:
            self._parent.close()
            self._record.remove_lock()

    def _finish(self, error: BaseException | None) -> None:
        if error is not None:
            mark_dead_runs(self._parent.store)
            self._report = self._record.update()
            complain(f"sweep {self._plan.name}: {self._report.in_words()}; the same command goes on with those left")
        self._parent.finish(error, is_done=self._report is not None and self._report.is_done)


def _common(resolved: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The settings that all jobs have with the same value, as MLflow keeps parameters."""
    texts = [{key: str(redacted_settings(value, key)) for key, value in flatten(job)} for job in resolved]
    return {key: value for key, value in texts[0].items() if all(job.get(key) == value for job in texts)}
