"""The jobs of a multirun, run by one of Hydra's launchers; where each makes a run, they are recorded as one sweep."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from tokenlayer.cli.command import Command
from tokenlayer.cli.exit_codes import ExitCode, report
from tokenlayer.config.check import check, finish
from tokenlayer.config.compose import Composer, composer_of_job
from tokenlayer.config.launching import end_jobs, fork_processes, in_this_process, launch
from tokenlayer.config.problems import ConfigError
from tokenlayer.errors import InputError
from tokenlayer.interrupts import Interrupted, handled, passed_on
from tokenlayer.outside import say_loading
from tokenlayer.sweeps.plan import PlannedJob, plan
from tokenlayer.terminal import complain, safe, safe_messages
from tokenlayer.training.job import Job, Result

if TYPE_CHECKING:
    from tokenlayer.sweeps.record import SweepPlace, SweepRecord

T = TypeVar("T")

PLACES = ("output_dir=", "tracking=", "tracking.uri=", "allow_targets=")
"""Settings by which a run is found, and its parts are allowed."""


@dataclass(frozen=True)
class Multirun(Generic[T]):
    """A command, and the composition of what its jobs have in common."""

    command: Command[T]
    composer: Composer
    sweep: DictConfig
    """As `Composer.compose_sweep` returns it."""


def run_jobs(multirun: Multirun[T], jobs: Sequence[Job[T]]) -> ExitCode:
    """Runs the jobs of a multirun.

    Args:
        multirun: what they have in common.
        jobs: all of them, checked.

    Returns:
        0 if all are done, those done before among them; 2 if all failures were bad input; else 1.

    Raises:
        InputError: the sweep cannot be begun or continued.

    """
    _check_devices(jobs)
    for job in jobs:  # secrets go to the environment, which forked processes have as it was before the first of them
        multirun.composer.launchable(job.overrides)
    fork_processes(multirun.sweep, multirun.command.modules)
    if not multirun.command.makes_sweeps:
        todo = [_Todo(job) for job in plan(multirun.command.name, jobs, None).jobs]
        return _worst(_run(multirun, todo, len(todo), None))
    config: Any = jobs[0].config
    planned = plan(multirun.command.name, jobs, config.sweep.name)
    say_loading("mlflow")
    from tokenlayer.sweeps.running import RunningSweep  # noqa: PLC0415  # errors first

    with RunningSweep(planned, config) as running:
        begun = running.begin(jobs)
        todo = [_Todo(job, run_id if multirun.command.resumes else None) for job, run_id in begun]
        code = _worst(_run(multirun, todo, len(jobs), running.place)) if todo else ExitCode.DONE
        is_done = running.end()
    return code if is_done or code is not ExitCode.DONE else ExitCode.FAILED


def _check_devices(jobs: Sequence[Job[Any]]) -> None:
    """Lightning starts the whole command line once for each device: every copy would run the whole sweep."""
    for job in jobs:
        trainer = getattr(job.config, "trainer", None)  # a baseline has none
        if trainer is not None and trainer.devices > 1:
            raise InputError(
                f"trainer.devices={trainer.devices}: a sweep has one device a job, because training on several starts "
                "the whole command line once for each; give several jobs a device each by a launcher "
                "(docs/launchers.md), or train this one without --multirun"
            )


def _worst(ends: Sequence[ExitCode | None]) -> ExitCode:
    if {ExitCode.FAILED, ExitCode.INTERRUPTED, None} & set(ends):
        return ExitCode.FAILED
    return ExitCode.BAD_INPUT if ExitCode.BAD_INPUT in ends else ExitCode.DONE


@dataclass(frozen=True)
class _Todo:
    """A job that is to be run."""

    job: PlannedJob
    run_id: str | None = None
    """The run in which it was begun before."""

    def overrides(self) -> list[str]:
        if self.run_id is None:
            return list(self.job.overrides)
        # All else is in what the run has recorded.
        places = [text for text in self.job.overrides if text.startswith(PLACES)]
        return [*places, f"resume={self.run_id}"]


def _run(multirun: Multirun[T], todo: Sequence[_Todo], total: int, place: SweepPlace | None) -> list[ExitCode | None]:
    """The end of each job; None: it was not begun, because another had failed."""
    task = _Task(multirun.command, tuple(todo), total, place, os.getpid())
    lines = [job.overrides() for job in todo]
    if in_this_process(multirun.sweep):
        return [_end(job) for job in launch(multirun.composer, multirun.sweep, lines, task)]
    try:
        with passed_on(partial(end_jobs, multirun.sweep)):
            returned = launch(multirun.composer, multirun.sweep, lines, task)
    except BrokenProcessPool:  # joblib ends the others then
        complain(
            "a process of the launcher has died, killed or out of memory, and the others have been ended: the same "
            "command goes on with their jobs"
        )
        return [ExitCode.FAILED]
    return [_end(job) for job in returned]


def _end(returned: JobReturn) -> ExitCode | None:
    """The end of a job; if its launcher could not run it, the reason is printed."""
    try:
        end: ExitCode | None = returned.return_value
    except Exception as error:
        return report(error)
    return end


@dataclass(frozen=True)
class _Task(Generic[T]):
    """What Hydra's launcher runs, in this process or another, to which it is pickled."""

    command: Command[T]
    todo: tuple[_Todo, ...]
    """The jobs in the order of the launcher's numbers."""
    total: int
    """The number of all jobs."""
    place: SweepPlace | None
    """The sweep; None: none is recorded."""
    process: int
    """The process that makes this."""

    def __call__(self, composed: DictConfig) -> ExitCode | None:
        """Runs one job. Its failure is its exit code, which comes back from other processes too.

        It is printed here and not raised: Hydra would keep it back until the last job of the sweep has run.
        """
        if os.getpid() == self.process:
            return self._run(composed)
        if _has_ended:
            return None
        try:
            with safe_messages(), _asked_to_end_by_the_sweep():  # nothing has seen to that there
                return self._run(composed)
        except Interrupted:
            _note_the_end(signal.SIGTERM, None)
            return ExitCode.INTERRUPTED

    def _run(self, composed: DictConfig) -> ExitCode | None:
        todo = self.todo[HydraConfig.get().job.num]
        label = f"[{todo.job.number}/{self.total}]"
        began = time.time()
        record: SweepRecord | None = None
        try:
            job = self._job(composed, todo, label)
            record = self._record(job.config)
            if record is not None and record.is_stopped():
                return None
            print(safe(f"{label} {todo.job.name}"), flush=True)
            if record is not None:
                job = replace(job, member=record.member(todo.job, job.config.dataset))  # type: ignore[attr-defined]  # of commands that make sweeps
            result = self.command.work(job)
            print(safe(f"{label} {_told(result)}{time.time() - began:.0f} s"), flush=True)
            return ExitCode.DONE
        except Exception as error:
            complain(f"{label} failed: {todo.job.name}")
            code = report(error)
            if record is not None:
                record.record_failure(todo.job, error, began, todo.run_id)
            return code
        finally:
            if record is not None:
                record.update()

    def _job(self, composed: DictConfig, todo: _Todo, label: str) -> Job[T]:
        """The job, which begins anew where its run cannot be continued."""
        composer = composer_of_job()
        line = composer.split([composer.parse(text) for text in todo.overrides()])
        try:
            return finish(composed, line, self.command.spec)
        except ConfigError as error:
            if todo.run_id is None:
                raise
            complain(f"{label} begins anew: {error}")
            return check(composer, todo.job.overrides, self.command.spec, multirun=False)[0]

    def _record(self, config: Any) -> SweepRecord | None:
        if self.place is None:
            return None
        from tokenlayer.sweeps.record import SweepRecord  # noqa: PLC0415  # MLflow takes seconds

        return SweepRecord(self.place, config.tracking, Path(config.output_dir).absolute())


def _told(result: Result | None) -> str:
    accuracy = None if result is None else result.metrics.get("test/accuracy")
    return "" if accuracy is None else f"test accuracy {accuracy:.4f}, "


# In a launcher's process: it has been asked to end, and is to begin none of the jobs that it is given still.
_has_ended = False


@contextmanager
def _asked_to_end_by_the_sweep() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal; the one that runs the sweep passes it on as SIGTERM, once."""
    signal.signal(signal.SIGTERM, _note_the_end)  # between jobs: nothing has to be recorded
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Slurm sends this before a job's time is up. Submitit would begin the job anew, and not go on with its run.
    signal.signal(signal.SIGUSR2, lambda *_: signal.raise_signal(signal.SIGTERM))
    with handled():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        yield


def _note_the_end(_number: int, _frame: FrameType | None) -> None:
    global _has_ended  # noqa: PLW0603  # signals belong to the process
    _has_ended = True
