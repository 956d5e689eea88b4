"""The command line of a study."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Callable, Sequence
from pathlib import Path

from tokenlayer import interrupts
from tokenlayer.comparison.formats import markdown
from tokenlayer.data.files import existing
from tokenlayer.errors import InputError
from tokenlayer.study.conditions import Study, Task, tasks
from tokenlayer.study.parent import StudyParent
from tokenlayer.study.recorded import Recorded
from tokenlayer.study.report import Report, provenance, write
from tokenlayer.study.results import Results
from tokenlayer.study.runner import Budget, Runner
from tokenlayer.study.status import Place, RunStatus, State, find
from tokenlayer.terminal import ArgumentParser, complain, safe, safe_messages
from tokenlayer.tracking.commands import quoted
from tokenlayer.training.drawing import plain_text

Reporter = Callable[[Results], Report]


def main(study: Study, reporter: Reporter, folder: Path, arguments: Sequence[str] | None = None) -> int:
    """Run the missing runs of a study, then write its results to its folder.

    Returns:
        The exit code: 0 done, 1 a run failed, 2 bad input, 130 interrupted.

    """
    given = _parser(study).parse_intermixed_args(arguments)
    try:
        with interrupts.handled(), safe_messages():
            return _main(study, reporter, given, folder)
    except interrupts.Interrupted as interruption:
        complain(f"{interruption}; give the same command again to go on")
        return 130
    except InputError as error:
        complain(f"error: {error}")
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
            existing(given.source, "--source")  # once here, rather than in every run
        settings = [*source, *given.settings]
        with StudyParent(study, settings, every, place) as parent:
            parent.begin(find(every, place))
            runner = Runner(place, Budget(given.jobs, given.minutes), parent)
            runner.run(find(chosen, place))
            failed = runner.failed
    target = given.results or (None if given.settings else folder)
    recorded = Recorded() if target is None else Recorded.read(target)
    _report(reporter, Results(find(every, place), place, recorded), target)
    if failed:
        complain(f"{len(failed)} runs failed: {', '.join(failed)}")
    return 1 if failed else 0


def _chosen(study: Study, every: Sequence[Task], given: argparse.Namespace) -> list[Task]:
    chosen = [
        task
        for task in every
        if any(fnmatch.fnmatch(task.condition.name, pattern) for pattern in given.only or ["*"])
        and (given.seeds is None or task.seed in given.seeds)
    ]
    if not chosen:
        names = ", ".join(condition.name for condition in study.conditions)
        raise InputError(f"--only and --seeds choose no run of study {study.name}; its conditions are {names}")
    return chosen


def _show(runs: Sequence[RunStatus]) -> None:
    for run in runs:
        other = f"  (finished under other settings: {'; '.join(run.other_settings)})" if run.other_settings else ""
        print(safe(f"{run.state.value:10}  {run.task.name}  {run.run_id or ''}{other}"))
    counts = {state: sum(run.state is state for run in runs) for state in State}
    print(", ".join(f"{count} {state.value}" for state, count in counts.items() if count))


def _report(reporter: Reporter, results: Results, folder: Path | None) -> None:
    if results.frame.empty:
        print("no run is finished: nothing to report")
        return
    with plain_text():
        report = reporter(results)
    for heading, table in report.tables.items():
        if table is not None:
            print(safe(f"\n{heading}\n\n{markdown(table)}".replace("\n\n\n", "\n\n")))
    print(safe(f"\n{provenance(results)}"))
    if folder is None:
        print("not written: these settings are not the study's own; name a folder with --results")
        return
    write(report, results, folder)
    print(safe(f"written to {folder}"))
    if kept := report.kept():
        print(f"left as they are, because MLflow lacks runs that they are made from: {', '.join(kept)}")


def _parser(study: Study) -> ArgumentParser:
    runs = sum(len(condition.seeds) for condition in study.conditions)
    parser = ArgumentParser(
        description=f"Study {study.name}: {len(study.conditions)} conditions, {runs} runs. Finished runs are skipped, "
        "interrupted ones resumed. Then tables and figures are made from the runs in MLflow and from the rows of "
        "earlier runs in results.csv."
    )
    parser.add_argument("--source", help="the texts (dataset.source), if they are not to be downloaded")
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes side by side, of one thread each (default: %(default)s)"
    )
    parser.add_argument(
        "--only", action="append", metavar="PATTERN", help="run these conditions only: grow-*; repeatable"
    )
    parser.add_argument("--seeds", type=_numbers, metavar="0,1", help="run these seeds only")
    parser.add_argument("--minutes", type=float, help="start no run later than this many minutes from now")
    parser.add_argument("--list", action="store_true", help="show what is done and what is missing; run nothing")
    parser.add_argument("--report", action="store_true", help="make tables and figures; run nothing")
    parser.add_argument("--results", type=Path, help="folder for tables and figures (default: the study's)")
    parser.add_argument(
        "--output-dir", type=Path, default=Path("outputs"), help="folder for runs (default: %(default)s)"
    )
    parser.add_argument("--uri", help="MLflow's store (default: mlflow.db in the output folder)")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="settings of every run: trainer.max_epochs=1")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]
