"""A search in the hands of the process that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tokenlayer.config.typed import flatten
from tokenlayer.errors import InputError
from tokenlayer.redaction import redacted_settings
from tokenlayer.search.config import SearchConfig
from tokenlayer.search.plan import SearchPlan
from tokenlayer.search.record import SearchRecord, name_of
from tokenlayer.search.report import SearchReport
from tokenlayer.search.study import FILE, Outcome, RunningTrial, SearchStudy, check_file, holds_study
from tokenlayer.sweeps.changes import check_code, check_data
from tokenlayer.sweeps.states import JobState, State
from tokenlayer.terminal import complain, safe
from tokenlayer.tracking.commands import command_line, ui_command
from tokenlayer.tracking.sweep_run import Child, SweepRun, children
from tokenlayer.tracking.sweep_tags import CODE_TAG, DATA_TAG, PRUNED_TAG, SOURCE_TAG
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job

TrainCommand = Callable[[Mapping[str, str]], str | None]
"""The command line that trains with the values of a trial; None: there is none."""


@dataclass(frozen=True)
class Turn:
    """A trial whose turn it is."""

    trial: RunningTrial
    label: str
    """It begins each line of the trial: `[3/20]`."""
    run: Child | None
    """The run in which it was begun before."""

    @property
    def name(self) -> str:
        """Its values."""
        return name_of(self.trial.settings)

    @property
    def to_resume(self) -> str | None:
        """The run to continue, if there is one."""
        return None if self.run is None or self.ended is not None else self.run.run_id

    @property
    def ended(self) -> Outcome | None:
        """The end of its run, where only the study does not know of it yet."""
        if self.run is None or self.run.status not in ("FINISHED", "FAILED"):
            return None
        if self.run.status == "FAILED" or self.trial.value is None:
            return Outcome.FAILED
        return Outcome.PRUNED if PRUNED_TAG in self.run.tags else Outcome.COMPLETE


class RunningSearch:
    """The search of a command line, from before its first trial to after its last.

    As a context manager it gives the parent its status in the end, which is left as it was where the search has not
    begun.

    Args:
        plan: the search.
        config: how it goes.
        job: one of its trainings.
        train_command: tells how to train with the values of a trial.

    Raises:
        InputError: texts, store or the study's file cannot be used; the search is another, is being run, or was begun
            in another folder.

    """

    def __init__(
        self, plan: SearchPlan, config: SearchConfig, job: Job[TrainConfig], train_command: TrainCommand
    ) -> None:
        self._plan = plan
        self._config = config
        self._job = job
        self._train_command = train_command
        self._output_dir = Path(job.config.output_dir).absolute()
        # What can be wrong is looked at before the store has a parent of this name.
        job.config.dataset.source_key()
        check_file(self._output_dir)
        self._parent = SweepRun.open(plan.identity(), job.config.tracking, self._output_dir)
        self._has_begun = False
        self._report: SearchReport | None = None
        try:
            self.study = self._opened_study()
        except BaseException:
            self._parent.close()
            raise
        tracking = job.config.tracking
        self.record = SearchRecord(plan, config.n_trials, self._parent, self.study, tracking, self._output_dir)

    def _opened_study(self) -> SearchStudy:
        parent, folder = self._parent, self._output_dir
        name = f"{self._plan.name} {parent.run_id}"
        if children(parent.store, parent.experiment_id, parent.run_id) and not holds_study(folder, name):
            raise InputError(
                f"search.name={self._plan.name}: {folder / FILE} does not hold its trials, which have runs in "
                f"{parent.store.shown}: give the output_dir that it was begun in, or another search.name"
            )
        return SearchStudy(folder, name, self._config, self._plan.space, self._job.config.seed)

    def begin(self) -> None:
        """Begin, or go on.

        Raises:
            InputError: trials ran on other texts, or by other code if that is to be refused.

        """
        self._check_changes(self.record.children())
        self._parent.begin()
        self._has_begun = True
        flat = {key: str(redacted_settings(value, key)) for key, value in flatten(self._job.resolved)}
        self._parent.log_params({key: value for key, value in flat.items() if not self._is_searched(key)})
        report = self.update()
        print(safe(f"search {self._plan.name}: {report.in_words()}"), flush=True)
        print(f"run {self._parent.run_id}", flush=True)

    def _check_changes(self, runs: Mapping[int, Child]) -> None:
        config = self._job.config
        states = [
            JobState(
                f"trial {number}",
                {},
                State.DONE,
                child.run_id,
                child.tags.get(DATA_TAG),
                child.tags.get(SOURCE_TAG),
                child.tags.get(CODE_TAG),
            )
            for number, child in runs.items()
        ]
        check_data(states, [config.dataset])
        warning = check_code(states, config.sweep)
        if warning is not None:
            complain(warning)

    def _is_searched(self, key: str) -> bool:
        searched = [name.replace("/", ".") for name in self._plan.space]
        return any(key == name or key.startswith(f"{name}.") for name in searched)

    def turns(self) -> Iterator[Turn]:
        """The trials that are to be run, those that were interrupted before new ones."""
        n_left = self.record.report().n_left
        waiting = self.study.interrupted()
        total = self._config.n_trials
        for place in range(total - n_left + 1, total + 1):
            trial = waiting.pop(0) if waiting else self.study.ask()
            yield Turn(trial, f"[{place}/{total}]", self.record.children().get(trial.number))

    def end(self) -> bool:
        """Show what has come of the search; true if it has all its trials."""
        self._report = self.update(has_ended=True)
        for number, error in self._report.failures():
            print(safe(f"failed: trial {number}: {error}"))
        print(self._report.in_words())
        for line in self._report.best_in_words():
            print(safe(line))
        command = self._best_command(self._report)
        if command is not None:
            print(safe(f"train with it: {command}"))
        tracking = self._job.config.tracking
        look = ui_command(self._parent.run_id, tracking.uri, self._job.config.output_dir)
        print(safe(f"look at it with: {look}"), flush=True)
        return not self._report.n_left

    def update(self, *, has_ended: bool = False) -> SearchReport:
        """Write the parent anew."""
        report = self.record.report()
        self.record.update(report, command_line(), self._best_command(report), has_ended=has_ended)
        return report

    def _best_command(self, report: SearchReport) -> str | None:
        return None if report.best is None else self._train_command(report.best.settings)

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

    def _finish(self, error: BaseException | None) -> None:
        self._parent.finish(error, is_done=self._report is not None and not self._report.n_left)
