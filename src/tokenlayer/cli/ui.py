"""`tokenlayer ui`: MLflow's own server over the runs of a folder."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from tokenlayer.cli.flags import add_store_flags, with_settings_as_flags
from tokenlayer.errors import InputError
from tokenlayer.redaction import redacted_uri
from tokenlayer.terminal import ArgumentParser, complain, safe
from tokenlayer.tracking.uri import resolve_uri, sqlite_path

_NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Its jobs judge language models. Two processes wait for them, each of which takes seconds to start."""


def main(arguments: list[str]) -> NoReturn:
    """Becomes `mlflow ui` over the store of the runs. Raises `InputError` where there is none yet."""
    given = _parser().parse_args(with_settings_as_flags(arguments))
    uri = resolve_uri(given.uri, Path(given.output_dir).absolute())
    if uri.startswith(("http://", "https://")):
        raise InputError(f"{redacted_uri(uri)} is a server with a page of its own: open that in the browser")
    _check_store(uri)
    mark_killed_runs(given.uri, Path(given.output_dir).absolute())
    _tell(given.run, uri, f"http://{given.host}:{given.port}/")
    server = ["mlflow", "ui", "--host", given.host, "--port", str(given.port)]
    # In place of this process: Ctrl-C and SIGTERM then reach the server itself. Everybody may read the arguments of a
    # process, but only its user the environment.
    os.execve(
        sys.executable, [sys.executable, "-m", *server], _NO_JOBS | os.environ | {"MLFLOW_BACKEND_STORE_URI": uri}
    )


def _parser() -> ArgumentParser:
    parser = ArgumentParser("tokenlayer ui", description="Look at the runs in the browser.")
    parser.add_argument("--port", type=int, default=5000, help="port to serve at (default: 5000)")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (default: this machine only)")
    parser.add_argument(
        "--run", help="id of a run or a sweep, a unique beginning of it, or its name: print the addresses of its pages"
    )
    add_store_flags(parser)
    return parser


def _tell(run: str | None, uri: str, server: str) -> None:
    """Print the addresses of the pages that show a run, a sweep, or all runs."""
    from tokenlayer.tracking.ui_pages import Page, Pages, pages_of  # noqa: PLC0415  # MLflow takes seconds

    try:
        found = pages_of(run, uri, Path())  # the URI is resolved, so that no folder decides
    except InputError as error:
        if run is not None:
            raise
        found = Pages([], str(error).partition("\n")[0])
    first, *others = found.pages or [Page("", "")]
    if found.unprepared is not None:
        complain(f"MLflow's pages are shown as they are: {found.unprepared}")
    print(safe(f"{server}{first.path} shows {redacted_uri(uri)}; Ctrl-C ends it"), flush=True)
    for page in others:
        print(safe(f"  {page.shows}: {server}{page.path}"), flush=True)


def _check_store(uri: str) -> None:
    database = sqlite_path(uri)
    if database is not None and not database.is_file():
        raise InputError(
            f"{database}: no runs are recorded here yet; train first, or name the store with --tracking-uri"
        )


def mark_killed_runs(uri: str | None, output_dir: Path) -> None:
    """Lest runs are shown as running whose process was killed."""
    from tokenlayer.tracking.lease import mark_dead_runs  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.tracking.store import open_store  # noqa: PLC0415  # MLflow takes seconds

    with suppress(InputError):  # what is wrong with the store, MLflow's own server says
        mark_dead_runs(open_store(uri, output_dir, create=False))
