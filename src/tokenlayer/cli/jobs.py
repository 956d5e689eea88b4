"""A command whose settings Hydra composes: one job or a sweep, all checked before the first starts."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from tokenlayer.cli.main import ExitCode, report
from tokenlayer.config.check import Checked, Spec, check, finish
from tokenlayer.config.compose import HYDRA_VERSION_BASE, Composer, composing
from tokenlayer.config.search_path import packaged_conf, register
from tokenlayer.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Job(Generic[T]):
    """The input of one job."""

    config: T
    resolved: dict[str, Any]
    """The configuration in plain containers."""
    overrides: list[str]
    """The settings of the command line that made it."""
    choices: dict[str, str]
    """The option of each group."""


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
    parser = get_args_parser()
    parser.prog = f"tokenlayer {command.name}"
    flags = parser.parse_args(arguments)
    texts: list[str] = flags.overrides
    replaced: dict[str, str] = {}
    try:
        if not _only_shows(flags):
            replaced = _check(command, flags, texts)
        failures: list[ExitCode] = []
        with _as_argv([replaced.get(text, text) for text in arguments]):
            _decorated(command, failures)()
    except HydraException as error:
        raise InputError(_chain(error)) from error
    return max(failures, key=lambda code: code == ExitCode.FAILED, default=ExitCode.DONE)


def _only_shows(flags: argparse.Namespace) -> bool:
    shows = (
        flags.help,
        flags.hydra_help,
        flags.cfg,
        flags.info,
        flags.shell_completion,
        flags.experimental_rerun,
    )
    return any(shows)


def _check(command: Command[T], flags: argparse.Namespace, texts: list[str]) -> dict[str, str]:
    """Checks every job; returns what Hydra is to read in place of each override."""
    multirun = flags.multirun or f"hydra.mode={RunMode.MULTIRUN.name}" in texts
    config_dir = Path(flags.config_path).absolute() if flags.config_path else None
    search = [Path(flags.config_dir).absolute()] if flags.config_dir else []
    with composing(flags.config_name or command.name, config_dir, search) as composer:
        check(composer, texts, command.spec, multirun=multirun)
        settings = composer.split([composer.parse(text) for text in texts]).settings
    # ++: Hydra refuses values that are in a dataclass but in none of the files at hand (a dataset of the
    # user's, a callback of a resumed run). The check above is the stricter one, and has passed.
    return {
        text: f"++{text.lstrip('+')}"
        for setting in settings
        if (text := str(setting.input_line)) and not setting.is_delete()
    }


def _decorated(command: Command[T], failures: list[ExitCode]) -> Callable[[], None]:
    register()
    OmegaConf.register_new_resolver("pid", os.getpid, use_cache=True, replace=True)

    @hydra.main(version_base=HYDRA_VERSION_BASE, config_path=str(packaged_conf()), config_name=command.name)
    def job(composed: DictConfig) -> None:
        overrides = [text.removeprefix("++") for text in HydraConfig.get().overrides.task]
        in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
        try:
            if in_sweep:
                print(f"job {HydraConfig.get().job.num}: {' '.join(overrides)}", file=sys.stderr, flush=True)
            command.work(_job(command, composed, overrides))
        except Exception as error:
            # Reported here and not raised: Hydra would keep it back until the last job of the sweep has run.
            if in_sweep:
                print(f"job {HydraConfig.get().job.num} failed: {' '.join(overrides)}", file=sys.stderr)
            failures.append(report(error))

    return cast(Callable[[], None], job)


def _job(command: Command[T], composed: DictConfig, overrides: list[str]) -> Job[T]:
    composer = Composer(command.name, GlobalHydra.instance().config_loader())
    line = composer.split([composer.parse(text) for text in overrides])
    checked: Checked[T] = finish(composed, line, command.spec)
    chosen = HydraConfig.get().runtime.choices
    choices = {
        group: str(option) for group, option in chosen.items() if option is not None and not group.startswith("hydra/")
    }
    return Job(checked.config, checked.resolved, overrides, choices)


@contextmanager
def _as_argv(arguments: list[str]) -> Iterator[None]:
    """Hydra reads the arguments of the process, and raises its errors only if this variable says so."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [argv[0], *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _chain(error: BaseException) -> str:
    """A message of Hydra's with that of its cause."""
    cause = f": {error.__cause__}" if error.__cause__ else ""
    return f"{error}{cause}"
