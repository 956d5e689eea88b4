"""A command whose settings Hydra composes: one job or a sweep, all checked before the first starts."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from tokenlayer.cli.flags import composing_parser
from tokenlayer.cli.main import ExitCode, report
from tokenlayer.cli.progress_bars import progress_bar
from tokenlayer.cli.showing import only_shows, show
from tokenlayer.config.check import Spec, check, finish
from tokenlayer.config.compose import Composer, composer_of_job, composing
from tokenlayer.config.numerals import quoted
from tokenlayer.errors import InputError
from tokenlayer.progress import shown_by
from tokenlayer.redaction import redacted_setting
from tokenlayer.terminal import complain, safe_messages
from tokenlayer.training.job import Job

T = TypeVar("T")


@dataclass(frozen=True)
class Command(Generic[T]):
    """A primary configuration and what is done with it."""

    name: str
    """Name of the primary configuration: `train`."""
    spec: Spec[T]
    """The type of its configuration."""
    work: Callable[[Job[T]], object]
    """The work of each job."""


def run(command: Command[T], arguments: Sequence[str]) -> ExitCode:
    """Checks all jobs, then runs them; the jobs of a sweep continue after one has failed.

    The code is 2 where every failure was bad input, 1 where another was among them. Raises `InputError`
    before the first job.
    """
    flags = composing_parser(command.name).parse_args(arguments)
    config_dir = Path(flags.config_path).absolute() if flags.config_path else None
    search = [Path(flags.config_dir).absolute()] if flags.config_dir else []
    try:
        with composing(flags.config_name or command.name, config_dir, search) as composer:
            if only_shows(flags):
                show(flags, composer)
                return ExitCode.DONE
            return _checked_and_run(command, composer, flags)
    except HydraException as error:
        cause = f": {error.__cause__}" if error.__cause__ else ""
        raise InputError(f"{error}{cause}") from error


def _checked_and_run(command: Command[T], composer: Composer, flags: argparse.Namespace) -> ExitCode:
    texts = quoted(flags.overrides, command.spec.schema)
    multirun = flags.multirun or f"hydra.mode={RunMode.MULTIRUN.name}" in texts
    with shown_by(progress_bar):
        jobs = check(composer, texts, command.spec, multirun=multirun)
    if multirun or HydraConfig.get().mode == RunMode.MULTIRUN:
        ends = composer.sweep(texts, _SweepJob(command))
        return next((code for code in (ExitCode.FAILED, ExitCode.BAD_INPUT) if code in ends), ExitCode.DONE)
    (job,) = jobs
    configure_logging()
    try:
        command.work(job)
    except Exception as error:
        return report(error)
    return ExitCode.DONE


def configure_logging() -> None:
    """Sets loggers up as the job's configuration says: once more where an import has changed them (Lightning does)."""
    configure_log(cast(DictConfig, HydraConfig.get().job_logging), HydraConfig.get().verbose)


@dataclass(frozen=True)
class _SweepJob(Generic[T]):
    """What Hydra's launcher runs, in this process or another, to which it is pickled."""

    command: Command[T]

    def __call__(self, composed: DictConfig) -> ExitCode:
        """Runs one job. Its failure is its exit code, which comes back from other processes too.

        It is told here and not raised: Hydra would keep it back until the last job of the sweep has run.
        """
        with safe_messages():  # in another process, nothing has seen to that
            return self._run(composed)

    def _run(self, composed: DictConfig) -> ExitCode:
        number = HydraConfig.get().job.num
        overrides = [text.removeprefix("++") for text in HydraConfig.get().overrides.task]
        settings = " ".join(map(redacted_setting, overrides))
        try:
            complain(f"job {number}: {settings}")
            composer = composer_of_job()
            line = composer.split([composer.parse(text) for text in overrides])
            self.command.work(finish(composed, line, self.command.spec))
        except Exception as error:
            complain(f"job {number} failed: {settings}")
            return report(error)
        return ExitCode.DONE
