"""`tokenlayer ui`: MLflow's own server over the runs of a folder."""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from tokenlayer.errors import InputError
from tokenlayer.tracking.uri import resolve_uri, sqlite_path

_SETTINGS = {"tracking.uri": "uri", "output_dir": "output_dir"}


def main(arguments: list[str]) -> NoReturn:
    """Becomes `mlflow ui` over the store of the runs. Raises `InputError` where there is none yet."""
    given = _parser().parse_args(_settings_as_options(arguments))
    uri = resolve_uri(given.uri, Path(given.output_dir).absolute())
    if uri.startswith(("http://", "https://")):
        raise InputError(f"{uri} is a server with a page of its own: open that in the browser")
    _check_store(uri)
    _mark_dead_runs(given.uri, Path(given.output_dir).absolute())
    print(f"http://{given.host}:{given.port}/{_page(given.run, uri)} shows {uri}; Ctrl-C ends it", flush=True)
    server = ["mlflow", "ui", "--backend-store-uri", uri, "--host", given.host, "--port", str(given.port)]
    # In place of this process: Ctrl-C and SIGTERM then reach the server itself.
    os.execv(sys.executable, [sys.executable, "-m", *server])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tokenlayer ui", description="Look at the runs in the browser.")
    parser.add_argument("--port", type=int, default=5000, help="port to serve at (default: 5000)")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (default: this machine only)")
    parser.add_argument(
        "--tracking-uri",
        "--uri",
        dest="uri",
        metavar="URI",
        help="the store; also as tracking.uri=… (default: mlflow.db in the output folder)",
    )
    parser.add_argument("--run", help="a run's id: print the address of its page")
    parser.add_argument("--output-dir", default="outputs", help="also as output_dir=… (default: outputs)")
    return parser


def _settings_as_options(arguments: list[str]) -> list[str]:
    """`tracking.uri=…` as for the other commands, beside `--tracking-uri …`."""
    options = []
    for argument in arguments:
        name, is_setting, value = argument.partition("=")
        if is_setting and name in _SETTINGS:
            options.append(f"--{_SETTINGS[name].replace('_', '-')}={value}")
        else:
            options.append(argument)
    return options


def _page(run_id: str | None, uri: str) -> str:
    """The address of a run's page on the server; empty for the first page."""
    if run_id is None:
        return ""
    from tokenlayer.tracking.reading import run_page  # noqa: PLC0415  # MLflow takes seconds

    return run_page(run_id, uri)


def _check_store(uri: str) -> None:
    database = sqlite_path(uri)
    if database is not None and not database.is_file():
        raise InputError(
            f"{database}: no runs are recorded here yet; train first, or name the store with --tracking-uri"
        )


def _mark_dead_runs(uri: str | None, output_dir: Path) -> None:
    """Lest the page shows runs as running whose process was killed."""
    from tokenlayer.tracking.lease import mark_dead_runs  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.tracking.store import open_store  # noqa: PLC0415  # MLflow takes seconds

    mark_dead_runs(open_store(uri, output_dir, create=False))
