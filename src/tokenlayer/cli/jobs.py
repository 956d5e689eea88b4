"""A command whose settings Hydra composes: one job or a sweep, all checked before the first starts."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from tokenlayer.cli.command import Command
from tokenlayer.cli.exit_codes import ExitCode, report
from tokenlayer.cli.flags import composing_parser
from tokenlayer.cli.showing import only_shows, show
from tokenlayer.cli.sweeping import Multirun, run_jobs
from tokenlayer.config.check import check
from tokenlayer.config.compose import Composer, composing
from tokenlayer.config.launching import swept_by_files
from tokenlayer.config.numerals import quoted
from tokenlayer.errors import InputError
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar

T = TypeVar("T")


def run(command: Command[T], arguments: Sequence[str]) -> ExitCode:
    """Checks all jobs, then runs them; the jobs of a sweep continue after one has failed.

    The code is 2 where every failure was bad input, 1 where another was among them. Raises `InputError`
    before the first job.
    """
    flags = composing_parser(command.name).parse_args(arguments)
    with composer_of(flags, command.name) as composer:
        if only_shows(flags):
            show(flags, composer)
            return ExitCode.DONE
        return _checked_and_run(command, composer, flags)


@contextmanager
def composer_of(flags: argparse.Namespace, name: str) -> Iterator[Composer]:
    """The composer of a command line, for the primary configuration `name` unless the flags name another.

    Raises:
        InputError: what Hydra has to say of its files and settings.

    """
    config_dir = Path(flags.config_path).absolute() if flags.config_path else None
    search = [Path(flags.config_dir).absolute()] if flags.config_dir else []
    try:
        with composing(flags.config_name or name, config_dir, search) as composer:
            yield composer
    except HydraException as error:
        cause = f": {error.__cause__}" if error.__cause__ else ""
        raise InputError(f"{error}{cause}") from error


def _checked_and_run(command: Command[T], composer: Composer, flags: argparse.Namespace) -> ExitCode:
    texts = quoted(flags.overrides, command.spec.schema)
    if flags.multirun or f"hydra.mode={RunMode.MULTIRUN.name}" in texts:
        return _run_several(command, composer, texts)
    with shown_by(progress_bar):
        jobs = check(composer, texts, command.spec, multirun=False)
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return _run_several(command, composer, texts)
    (job,) = jobs
    of_sweeps = [text for text in job.overrides if text.startswith("sweep.")]
    if of_sweeps and command.makes_sweeps:
        raise InputError(f"{of_sweeps[0]}: is for sweeps; add --multirun, or leave it out")
    configure_logging()
    try:
        command.work(job)
    except Exception as error:
        return report(error)
    return ExitCode.DONE


def _run_several(command: Command[T], composer: Composer, texts: Sequence[str]) -> ExitCode:
    with shown_by(progress_bar):
        jobs = check(composer, texts, command.spec, multirun=True)
    sweep = composer.compose_sweep(texts)
    of_files = swept_by_files(sweep)
    if of_files:
        with shown_by(progress_bar):
            jobs = check(composer, [*of_files, *texts], command.spec, multirun=True)
    configure_logging()
    return run_jobs(Multirun(command, composer, sweep), jobs)


def configure_logging() -> None:
    """Sets loggers up as the job's configuration says: once more where an import has changed them (Lightning does)."""
    configure_log(cast(DictConfig, HydraConfig.get().job_logging), HydraConfig.get().verbose)
