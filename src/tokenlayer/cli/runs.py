"""`tokenlayer runs`: the runs in a list; `--prune` removes local copies of those that MLflow holds whole."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tokenlayer.cli.flags import add_store_flags, with_settings_as_flags
from tokenlayer.errors import InputError
from tokenlayer.escaping import harmless
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.terminal import ArgumentParser, safe, table_console

if TYPE_CHECKING:
    from rich.table import Table

    from tokenlayer.tracking.listing import Listed

_LATEST = 20
_NOTHING = "–"
_JOBS = {"FINISHED": "done", "FAILED": "failed", "KILLED": "killed", "RUNNING": "running", "SCHEDULED": "scheduled"}
_MEGABYTE = 1e6


def main(arguments: list[str]) -> int:
    """Lists runs, or removes local copies. Raises `InputError` where there is no such store, or a wrong filter."""
    given = _parser().parse_args(with_settings_as_flags(arguments))
    if given.prune and (given.filter or given.limit is not None):
        raise InputError("--prune looks at all runs of the output folder: leave out --filter and --limit")
    folder = Path(given.output_dir).absolute()
    if given.prune:
        return _prune(given.uri, folder)
    from tokenlayer.tracking.listing import list_runs  # noqa: PLC0415  # MLflow takes seconds

    listed = list_runs(given.uri, folder, given.filter, given.limit or _LATEST)
    if not listed:
        print("no runs" + (" pass the filter" if given.filter else " are recorded here yet"))
        return 0
    table_console().print(_table(listed))
    return 0


def _table(listed: list[Listed]) -> Table:
    from rich.table import Table  # noqa: PLC0415  # only for what is shown
    from rich.text import Text  # noqa: PLC0415  # errors first

    table = Table(box=None, padding=(0, 1))
    for heading in ("run", "name", "status", "start (UTC)"):
        table.add_column(heading, no_wrap=heading != "name", overflow="fold")
    for heading in ("test accuracy", "validation accuracy"):
        table.add_column(heading, justify="right")
    table.add_column("jobs")
    for run in listed:
        table.add_row(
            run.short_id,
            Text(harmless(run.name)),
            run.status,
            f"{run.start:%Y-%m-%d %H:%M:%S}",
            _accuracy(run.test),
            _accuracy(run.validation),
            _jobs(run.jobs),
        )
    return table


def _accuracy(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.4f}"


def _jobs(jobs: dict[str, int] | None) -> str:
    """`3 done, 1 failed`; nothing for a run that is no sweep."""
    if jobs is None:
        return ""
    order = [status for status in _JOBS if status in jobs] + [status for status in jobs if status not in _JOBS]
    return ", ".join(f"{jobs[status]} {_JOBS.get(status, status)}" for status in order) or "none"


def _prune(uri: str | None, folder: Path) -> int:
    from tokenlayer.tracking.pruning import prune  # noqa: PLC0415  # MLflow takes seconds

    removed = freed = kept = 0
    with shown_by(progress_bar):
        for copy in prune(uri, folder):
            run = " ".join(part for part in (copy.run_id, copy.name) if part)
            if copy.kept is None:
                removed, freed = removed + 1, freed + copy.n_bytes
                print(safe(f"removed  {run}  {copy.n_bytes / _MEGABYTE:.1f} MB"), flush=True)
            else:
                kept += 1
                print(safe(f"kept     {run}: {copy.kept}"), flush=True)
    print(f"{removed} local copies removed ({freed / _MEGABYTE:.1f} MB), {kept} kept; MLflow's runs are as they were")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "tokenlayer runs",
        usage="%(prog)s [--filter F] [--limit N] [--prune] [--tracking-uri URI] [--output-dir FOLDER]",
        description="List the latest runs; a sweep is one line, with its jobs counted. With --prune: remove the local "
        "copies of finished runs that MLflow holds whole, after comparing every file with its digest.",
    )
    parser.add_argument(
        "--filter", default="", metavar="F", help='MLflow\'s filter: "metrics.`test/accuracy` > 0.8"; lists jobs, too'
    )
    parser.add_argument("--limit", type=_positive, metavar="N", help=f"how many at most (default: {_LATEST})")
    parser.add_argument("--prune", action="store_true", help="remove local copies instead of listing")
    add_store_flags(parser)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)
