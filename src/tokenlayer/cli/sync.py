"""`tokenlayer sync [RUN | --all]`: send what MLflow lacks."""

import argparse
import sys
from pathlib import Path

from tokenlayer.cli.main import ExitCode
from tokenlayer.errors import InputError, RunStoppedError

_SETTINGS = {"tracking.uri": "tracking-uri", "output_dir": "output-dir"}


def main(arguments: list[str]) -> int:
    """Sends what MLflow lacks of the runs that are recorded here, without training or testing.

    Raises `InputError` and `RunStoppedError` where one run is named; of all, those that fail are told.
    """
    given = _parser().parse_args(_settings_as_options(arguments))
    if (given.run is None) == (not given.all):
        raise InputError("name a run, or give --all: tokenlayer sync [RUN | --all]")
    from tokenlayer.tracking.folder import recorded_runs  # noqa: PLC0415  # errors first
    from tokenlayer.tracking.syncing import sync  # noqa: PLC0415  # MLflow takes seconds

    folder = Path(given.output_dir).absolute()
    if not given.all:
        print(sync(given.run, given.uri, folder))
        return ExitCode.DONE
    code = ExitCode.DONE
    for run_id in recorded_runs(folder):
        try:
            print(sync(run_id, given.uri, folder), flush=True)
        except (InputError, RunStoppedError) as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            code = ExitCode.FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "tokenlayer sync",
        usage="%(prog)s [RUN | --all] [--tracking-uri URI] [--output-dir FOLDER]",
        description="Send to MLflow what it lacks of runs that are recorded here, and the status they ended with. "
        "Nothing is trained or tested; a run that broke off is continued with: tokenlayer train resume=RUN",
    )
    parser.add_argument("run", metavar="RUN", nargs="?", help="id of a run")
    parser.add_argument("--all", action="store_true", help="all runs of the output folder")
    parser.add_argument(
        "--tracking-uri",
        "--uri",
        dest="uri",
        metavar="URI",
        help="the store; also as tracking.uri=… (default: mlflow.db in the output folder)",
    )
    parser.add_argument("--output-dir", default="outputs", help="also as output_dir=… (default: outputs)")
    return parser


def _settings_as_options(arguments: list[str]) -> list[str]:
    """`tracking.uri=…` as for the other commands, beside `--tracking-uri …`."""
    options = []
    for argument in arguments:
        name, is_setting, value = argument.partition("=")
        options.append(f"--{_SETTINGS[name]}={value}" if is_setting and name in _SETTINGS else argument)
    return options
