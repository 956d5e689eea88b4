"""`tokenlayer sync [RUN | --all]`: send what MLflow lacks."""

from pathlib import Path

from tokenlayer.cli.exit_codes import ExitCode
from tokenlayer.cli.flags import add_store_flags, with_settings_as_flags
from tokenlayer.errors import InputError, RunStoppedError
from tokenlayer.terminal import ArgumentParser, complain, safe


def main(arguments: list[str]) -> int:
    """Sends what MLflow lacks of the runs that are recorded here, without training or testing.

    Raises `InputError` and `RunStoppedError` where one run is named; of all, those that fail are told.
    """
    given = _parser().parse_args(with_settings_as_flags(arguments))
    if (given.run is None) == (not given.all):
        raise InputError("name a run, or give --all: tokenlayer sync [RUN | --all]")
    from tokenlayer.tracking.folder import recorded_runs  # noqa: PLC0415  # errors first
    from tokenlayer.tracking.syncing import sync  # noqa: PLC0415  # MLflow takes seconds

    folder = Path(given.output_dir).absolute()
    if not given.all:
        print(safe(str(sync(given.run, given.uri, folder))))
        return ExitCode.DONE
    code = ExitCode.DONE
    for run_id in recorded_runs(folder):
        try:
            print(safe(str(sync(run_id, given.uri, folder))), flush=True)
        except (InputError, RunStoppedError) as error:
            complain(f"error: {error}")
            code = ExitCode.FAILED
    return code


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "tokenlayer sync",
        usage="%(prog)s [RUN | --all] [--tracking-uri URI] [--output-dir FOLDER]",
        description="Send to MLflow what it lacks of runs that are recorded here, and the status they ended with. "
        "Nothing is trained or tested; a run that broke off is continued with: tokenlayer train resume=RUN",
    )
    parser.add_argument("run", metavar="RUN", nargs="?", help="id of a run, a unique beginning of it, or its name")
    parser.add_argument("--all", action="store_true", help="all runs of the output folder")
    add_store_flags(parser)
    return parser
