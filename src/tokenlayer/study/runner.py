"""Runs the missing runs of a study: the real command, a process for each run, several side by side."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenlayer.study.parent import StudyParent
from tokenlayer.study.processes import CommandProcess
from tokenlayer.study.status import CONDITION_TAG, STUDY_TAG, Place, RunStatus, State
from tokenlayer.terminal import safe
from tokenlayer.tracking.commands import quoted
from tokenlayer.tracking.uri import ENVIRONMENT

_POLL_SECONDS = 0.2
_BAD_INPUT = 2
_LAST_LINES = 8


@dataclass(frozen=True)
class Budget:
    """Limits of what is run."""

    jobs: int = 1
    """Processes side by side, each of one thread."""
    minutes: float | None = None
    """No run is started later than this after the beginning; None: no limit."""


@dataclass
class _Running:
    run: RunStatus
    log: Path
    process: CommandProcess
    began: float
    resumes: bool


class Runner:
    """Starts runs in order, under a parent if there is one, and prints how each one ends."""

    def __init__(self, place: Place, budget: Budget, parent: StudyParent | None = None) -> None:
        self._place = place
        self._parent = parent
        self._budget = budget
        self._running: list[_Running] = []
        self.failed: list[str] = []
        """Names of the runs that failed."""

    def run(self, runs: Sequence[RunStatus]) -> None:
        """Start or resume all that are not done. An interruption stops the running ones and is raised again."""
        waiting = [run for run in runs if run.state in (State.MISSING, State.BROKEN_OFF)]
        began, total = time.monotonic(), len(waiting)
        try:
            while self._running or waiting:
                if waiting and self._is_late(began):
                    print(f"time is up: {len(waiting)} runs are left", flush=True)
                    waiting = []
                while waiting and len(self._running) < self._budget.jobs:
                    print(f"[{total - len(waiting) + 1}/{total}] {waiting[0].task.name}", flush=True)
                    self._start(waiting.pop(0))
                time.sleep(_POLL_SECONDS)
                for running in [running for running in self._running if running.process.code is not None]:
                    self._running.remove(running)
                    self._ended(running)
                    if self._parent is not None:
                        self._parent.update()
        except BaseException:
            self._stop()
            raise

    def _is_late(self, began: float) -> bool:
        minutes = self._budget.minutes
        return minutes is not None and time.monotonic() - began > 60 * minutes

    def _start(self, run: RunStatus) -> None:
        resumes = run.state is State.BROKEN_OFF
        log = self._place.output_dir / "studies" / run.task.study / f"{run.task.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        process = CommandProcess(command(run, self._place), {"COLUMNS": "120", **self._environment(run)}, log)
        self._running.append(_Running(run, log, process, time.monotonic(), resumes))

    def _environment(self, run: RunStatus) -> dict[str, str]:
        of_parent = {} if self._parent is None else self._parent.environment(run.task)
        return {**_store_in_environment(self._place), **of_parent}

    def _ended(self, running: _Running) -> None:
        task, code = running.run.task, running.process.code
        lines = running.log.read_text(encoding="utf-8", errors="replace").splitlines()
        if code == _BAD_INPUT and running.resumes:
            last = lines[-1] if lines else ""
            print(safe(f"  {task.name} cannot be resumed and starts again: {last}"), flush=True)
            self._start(RunStatus(task, State.MISSING))
            return
        seconds = time.monotonic() - running.began
        if code == 0:
            accuracy = next((match[1] for line in reversed(lines) if (match := _ACCURACY.match(line))), "?")
            print(safe(f"  {task.name}: test accuracy {accuracy}, {seconds:.0f} s"), flush=True)
            return
        self.failed.append(task.name)
        print(safe(f"  {task.name} FAILED with code {code}; {running.log} ends:"), flush=True)
        print(safe("\n".join(f"    {line}" for line in lines[-_LAST_LINES:])), flush=True)

    def _stop(self) -> None:
        """Interrupt the running processes as Ctrl-C does, which keeps their runs, and wait for them."""
        for running in self._running:
            running.process.interrupt()
        for running in self._running:
            running.process.wait()


_ACCURACY = re.compile(r"test accuracy (\S+)")


def command(run: RunStatus, place: Place) -> list[str]:
    """The arguments of `tokenlayer` that start or resume a run."""
    task = run.task
    here = [f"output_dir={quoted(str(place.output_dir))}"]
    here += [] if place.uri is None else [f"tracking.uri=${{oc.env:{ENVIRONMENT}}}"]
    here += ["trainer.threads=1"] if task.condition.command == "train" else []
    name = task.condition.command
    if run.state is State.BROKEN_OFF:
        return [name, f"resume={run.run_id}", *here]
    named = [
        f"tracking.experiment={task.study}",
        f"tracking.run_name={task.name}",
        f"tracking.tags.{STUDY_TAG}={task.study}",
        f"tracking.tags.{CONDITION_TAG}={task.condition.name}",
    ]
    return [name, *task.overrides, *named, *here]


def _store_in_environment(place: Place) -> dict[str, str]:
    """Where the command line finds the store: a password in it is nothing for the arguments of a process."""
    return {} if place.uri is None else {ENVIRONMENT: place.uri}
