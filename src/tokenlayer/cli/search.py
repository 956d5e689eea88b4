"""`tokenlayer search`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from tokenlayer.cli.exit_codes import ExitCode, report
from tokenlayer.cli.flags import composing_parser
from tokenlayer.cli.jobs import composer_of, configure_logging
from tokenlayer.cli.search_space import SearchLine, checked_job, read_line, space_of, trial_job
from tokenlayer.cli.showing import only_shows, show
from tokenlayer.cli.sweeping import PLACES
from tokenlayer.config.check import look
from tokenlayer.config.compose import Composer
from tokenlayer.config.numerals import quoted
from tokenlayer.config.problems import ConfigError, Problem
from tokenlayer.config.typed import load
from tokenlayer.errors import InputError
from tokenlayer.outside import loading
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.search.available import check_available
from tokenlayer.search.config import SearchConfig, SearchRunConfig
from tokenlayer.terminal import complain, safe
from tokenlayer.tracking.commands import train_command
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job

if TYPE_CHECKING:
    from tokenlayer.search.running import RunningSearch, Turn
    from tokenlayer.search.study import Outcome, RunningTrial

    Work = Callable[[Job[TrainConfig], RunningTrial], Outcome]


def main(arguments: list[str]) -> int:
    """Searches what the arguments, Hydra's flags and overrides, describe; 1 where trials are missing in the end."""
    flags = composing_parser("search").parse_args(arguments)
    if flags.multirun:
        raise InputError("--multirun: a search chooses one set of values after another by itself; leave it out")
    with composer_of(flags, "search") as composer:
        line = read_line(composer, quoted(flags.overrides, SearchRunConfig))
        if only_shows(flags):
            flags.overrides = [*line.searching, *line.fixed]
            show(flags, composer)
            return ExitCode.DONE
        return _search(composer, line, flags)


@dataclass(frozen=True)
class _Trainings:
    """What the trials have in common, and how each is made."""

    composer: Composer
    fixed: tuple[str, ...]
    flags: argparse.Namespace

    def job(self, turn: Turn) -> Job[TrainConfig]:
        """The training of a trial, which begins anew where its run cannot be continued."""
        if turn.to_resume is not None:
            places = [text for text in self.fixed if text.startswith(PLACES)]
            try:
                return trial_job(self.composer, places, {}, [f"resume={turn.to_resume}"])
            except ConfigError as error:
                complain(f"{turn.label} begins anew: {error}")
        return trial_job(self.composer, self.fixed, turn.trial.settings)

    def command(self, settings: Mapping[str, str]) -> str | None:
        """The command line that trains with some values; None: no other command has these files."""
        if self.flags.config_name:
            return None
        folders = {"--config-path": self.flags.config_path, "--config-dir": self.flags.config_dir}
        given = [part for flag, folder in folders.items() if folder for part in (flag, str(folder))]
        return train_command([*given, *self.fixed, *(f"{key}={value}" for key, value in settings.items())])


def _search(composer: Composer, line: SearchLine, flags: argparse.Namespace) -> ExitCode:
    check_available()
    plain = look(composer, [*line.searching, *line.fixed])
    if "search" not in plain:
        raise ConfigError([Problem("search", f"the configuration {composer.config_name} has no such section")])
    config = load(plain["search"], SearchConfig, key="search")
    space = space_of(composer, line, config, plain)
    with shown_by(progress_bar):
        job = checked_job(composer, line.fixed, space)
    with loading("torch", "pytorch_lightning", "mlflow", "optuna"):
        from tokenlayer.search.plan import plan  # noqa: PLC0415  # torch takes seconds; errors first
        from tokenlayer.search.running import RunningSearch  # noqa: PLC0415  # torch takes seconds; errors first
        from tokenlayer.search.trial import run_trial  # noqa: PLC0415  # torch takes seconds; errors first

    configure_logging()  # as Lightning would not have it
    trainings = _Trainings(composer, line.fixed, flags)
    with RunningSearch(plan(config, line.fixed, space), config, job, trainings.command) as running:
        running.begin()
        for turn in running.turns():
            _run(running, trainings, turn, partial(run_trial, metric=config.metric))
        is_done = running.end()
    return ExitCode.DONE if is_done else ExitCode.FAILED


def _run(running: RunningSearch, trainings: _Trainings, turn: Turn, work: Work) -> None:
    """Run a trial, and leave what has come of it; its failure ends no search."""
    from tokenlayer.search.study import Outcome  # noqa: PLC0415  # errors first

    print(safe(f"{turn.label} {turn.name}"), flush=True)
    began = time.time()
    outcome = turn.ended
    if outcome is None:
        try:
            job = trainings.job(turn)
            member = running.record.member(turn.trial, turn.label, job.config.dataset)
            outcome = work(replace(job, swept=turn.trial.settings, member=member), turn.trial)
        except Exception as error:
            complain(f"{turn.label} failed: {turn.name}")
            report(error)
            running.record.record_failure(turn.trial, error, began, turn.to_resume)
            outcome = Outcome.FAILED
    running.study.tell(turn.trial, outcome)
    told = running.update()
    if outcome is not Outcome.FAILED:
        seconds = f"{time.time() - began:.0f} s"
        print(safe(f"{turn.label} {told.outcome_in_words(turn.trial.number)}, {seconds}"), flush=True)
