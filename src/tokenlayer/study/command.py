"""The command line that every study has."""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tokenlayer import interrupts
from tokenlayer.data.files import existing
from tokenlayer.errors import InputError
from tokenlayer.study.cells import Study, Task, tasks
from tokenlayer.study.found import Found, Place, State, find
from tokenlayer.study.recorded import Recorded
from tokenlayer.study.report import Report, markdown, provenance, write
from tokenlayer.study.results import Results
from tokenlayer.study.runner import Budget, Runner, quoted

Reporter = Callable[[Results], Report]


def main(study: Study, reporter: Reporter, folder: Path, arguments: Sequence[str] | None = None) -> int:
    """Run what a study lacks, then write its results to its folder.

    Returns:
        The exit code: 0 done, 1 a run failed, 2 bad input, 130 interrupted.

    """
    given = _parser(study).parse_intermixed_args(arguments)
    try:
        with interrupts.handled():
            return _main(study, reporter, given, folder)
    except interrupts.Interrupted as interruption:
        print(f"{interruption}; the same command goes on", file=sys.stderr)
        return 130
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _main(study: Study, reporter: Reporter, given: argparse.Namespace, folder: Path) -> int:
    place = Place(given.output_dir.absolute(), given.uri)
    source = [] if given.source is None else [f"dataset.source={quoted(given.source)}"]
    every = tasks(study, [*source, *given.settings])
    chosen = _chosen(study, every, given)
    if given.list:
        _show(find(chosen, place))
        return 0
    failed: list[str] = []
    if not given.report:
        if given.source is not None:
            existing(given.source, "--source")  # here once, or every run would fail of it
        runner = Runner(place, Budget(given.jobs, given.minutes))
        runner.run(find(chosen, place))
        failed = runner.failed
    target = given.results or (None if given.settings else folder)
    recorded = Recorded() if target is None else Recorded.read(target)
    _report(reporter, Results(find(every, place), place, recorded), target)
    if failed:
        print(f"{len(failed)} runs failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _chosen(study: Study, every: Sequence[Task], given: argparse.Namespace) -> list[Task]:
    chosen = [
        task
        for task in every
        if any(fnmatch.fnmatch(task.cell.name, pattern) for pattern in given.only or ["*"])
        and (given.seeds is None or task.seed in given.seeds)
    ]
    if not chosen:
        names = ", ".join(cell.name for cell in study.cells)
        raise InputError(f"no run of study {study.name} is chosen by --only and --seeds; its cells are {names}")
    return chosen


def _show(found: Sequence[Found]) -> None:
    for item in found:
        other = f"  (finished under other settings: {'; '.join(item.other_settings)})" if item.other_settings else ""
        print(f"{item.state.value:10}  {item.task.name}  {item.run_id or ''}{other}")
    counts = {state: sum(item.state is state for item in found) for state in State}
    print(", ".join(f"{count} {state.value}" for state, count in counts.items() if count))


def _report(reporter: Reporter, results: Results, folder: Path | None) -> None:
    if results.frame.empty:
        print("no run is finished: there is nothing to report")
        return
    report = reporter(results)
    for heading, table in report.tables.items():
        if table is not None:
            print(f"\n{heading}\n\n{markdown(table)}".replace("\n\n\n", "\n\n"))
    print(f"\n{provenance(results)}")
    if folder is None:
        print("not written: these settings are not the study's; --results FOLDER says where to")
        return
    write(report, results, folder)
    print(f"written to {folder}")
    if kept := report.kept():
        print(f"left as they are, for MLflow lacks runs that they are made from: {', '.join(kept)}")


def _parser(study: Study) -> argparse.ArgumentParser:
    runs = sum(len(cell.seeds) for cell in study.cells)
    parser = argparse.ArgumentParser(
        description=f"Study {study.name}: {len(study.cells)} cells, {runs} runs. Runs that are finished are skipped, "
        "those that broke off resumed; then tables and figures are made from what MLflow holds, "
        "and from the rows of runs before, which results.csv keeps."
    )
    parser.add_argument("--source", help="the texts (dataset.source), where they are not to be fetched")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side, each of one thread")
    parser.add_argument("--only", action="append", metavar="PATTERN", help="run these cells: grow-*; may be repeated")
    parser.add_argument("--seeds", type=_numbers, metavar="0,1", help="run these seeds only")
    parser.add_argument("--minutes", type=float, help="start no run later than so many minutes from now")
    parser.add_argument("--list", action="store_true", help="say what is done and what is missing, and run nothing")
    parser.add_argument("--report", action="store_true", help="run nothing, only make tables and figures")
    parser.add_argument("--results", type=Path, help="where tables and figures go; by default to the study's folder")
    parser.add_argument("--output-dir", type=Path, default=Path("outputs"), help="where runs go")
    parser.add_argument("--uri", help="MLflow's store; by default mlflow.db in the output folder")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="settings of every run: trainer.max_epochs=1")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]
