"""`make benchmark-tracking`: what recording costs a training, with a SQLite store and with an MLflow server alike.

python -m benchmarks.tracking [--source PATH] [--rounds N] [--steps N] [--json FILE] [--threads N] [key=value …]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import requests
from rich.console import Console
from rich.table import Table

from benchmarks.child import ROOT, Result, in_child
from benchmarks.machine import machine
from benchmarks.run import write
from benchmarks.setup import configuration
from benchmarks.turns import Command, in_turns
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.store import open_store

NOTHING, SQLITE, SERVER = "nothing recorded", "SQLite", "MLflow server"
WAYS = (NOTHING, SQLITE, SERVER)
AT_MOST = 10.0
"""Per cent of the training that recording all of it by default may take."""
PHASES = ("fit", "test")


def main() -> None:
    wanted = arguments()
    console = Console()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder, "server")) as server:
        overrides = configured(wanted.source, Path(folder, "cache"), wanted.threads, wanted.overrides)
        results = measured(overrides, wanted.rounds, server, Path(folder), console)
        console.print(table(results))
        if wanted.steps:
            results["long"] = long_runs(wanted.steps, server.uri, Path(folder))
            console.print(long_table(results["long"]))
    path = wanted.json or ROOT / "benchmarks" / "results" / f"tracking-{datetime.date.today()}-{platform.node()}.json"
    write(path, results)
    console.print(f"all numbers: {os.path.relpath(path)}", highlight=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tracking", description="What recording costs.")
    parser.add_argument("--source", type=Path, help="train on these reviews: CSV, archive or folder (default: planted)")
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each kind (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=100_000, help="steps of a long run that is only recorded; 0: none")
    parser.add_argument("--json", type=Path, help="where to write all numbers (default: benchmarks/results/)")
    parser.add_argument("--threads", type=int, help="CPU threads of torch (default: torch decides)")
    parser.add_argument("overrides", nargs="*", help="settings of the training, such as trainer.max_epochs=2")
    return parser.parse_args()


def configured(source: Path | None, cache: Path, threads: int | None, more: Sequence[str]) -> list[str]:
    """The default settings on the CPU, or those of the recommended experiment where there are reviews."""
    chosen = ["experiment=learned_imdb", f'dataset.source="{source.absolute()}"'] if source is not None else []
    here = [f"dataset.cache_dir={cache}", "trainer.accelerator=cpu"]
    return [*chosen, *here, *([] if threads is None else [f"trainer.threads={threads}"]), *more]


class Server(NamedTuple):
    """An `mlflow server` on this machine."""

    uri: str
    group: int | None
    """Of its processes."""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server in a process of its own."""
    folder.mkdir(parents=True)
    open_store(f"sqlite:///{folder}/mlflow.db", folder)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    options = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--host", "127.0.0.1", "--port", str(port)]
    options += ["--artifacts-destination", str(folder / "stored"), "--workers", "1"]
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "mlflow", "server", *options]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(240):
            try:
                requests.get(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.5)
        else:
            raise TimeoutError(f"mlflow server does not start: {(folder / 'log').read_text()}")
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(30)


def measured(overrides: Sequence[str], rounds: int, server: Server, folder: Path, console: Console) -> dict[str, Any]:
    """Train in all ways in turns, beginning with another one in each round."""
    results: dict[str, Any] = {
        "machine": machine(),
        "overrides": list(overrides),
        "runs": {way: [] for way in WAYS},
        "in_hooks": {},
    }
    in_child("benchmarks.data:prepare_texts", overrides=list(overrides))
    # The first training on a machine compiles what the next ones find.
    measure([*overrides, "trainer.max_epochs=1"], [SQLITE], server, folder / "first")
    for index in range(rounds):
        console.print(f"measuring: round {index + 1} of {rounds}", style="dim")
        first = index % len(WAYS)
        ways = [*WAYS[first:], *WAYS[:first]]
        for way, run in measure(overrides, ways, server, folder / f"round_{index}").items():
            results["runs"][way].append(run)
    for way in (SQLITE, SERVER):
        console.print(f"measuring: within the callbacks, {way}", style="dim")
        results["in_hooks"] |= measure(overrides, [way], server, folder / "in_hooks", in_hooks=True)
    return results


def measure(
    overrides: Sequence[str], ways: Sequence[str], server: Server, folder: Path, in_hooks: bool = False
) -> dict[str, Result]:
    """Train by the command, each way in a process of its own, and give the seconds of `fit` and `test`.

    By a clock that counts only a process' own turns, and of the processor. What the command does at its start, such as
    to set aside what is loaded from the collection of garbage, is part of what is measured.

    Raises:
        RuntimeError: a command failed; the message has the end of its output.

    """
    folders = {way: folder / way.replace(" ", "_") for way in ways}
    in_turns([command(overrides, way, server, place, in_hooks) for way, place in folders.items()])
    return {way: json.loads((place / "times.json").read_text()) for way, place in folders.items()}


def command(overrides: Sequence[str], way: str, server: Server, folder: Path, in_hooks: bool) -> Command:
    """One training."""
    off = [f"callbacks.{name}=null" for name in configuration(overrides).callbacks] if way == NOTHING else []
    output = folder / "outputs"
    timer = {"path": folder / "times.json", "in_hooks": in_hooks, "turns": folder}
    output.mkdir(parents=True)
    open_store("local", output)  # a new database takes seconds, once
    arguments = [
        *(sys.executable, "-m", "tokenlayer", "train", *overrides, *off),
        f"output_dir={output}",
        f"tracking.uri={server.uri}" if way == SERVER else "tracking=local",
        "allow_targets=[benchmarks]",
        "+callbacks.phase_timer._target_=benchmarks.timer.PhaseTimerConfig",
        *(f"+callbacks.phase_timer.{k}={v}" for k, v in timer.items()),
    ]
    return Command(arguments, folder, beside=server.group if way == SERVER else None)


def overhead(results: dict[str, Any], way: str, phase: str, clock: str) -> list[float]:
    """By how many per cent a phase takes longer than with nothing recorded, in each round."""
    with_it, without = results["runs"][way], results["runs"][NOTHING]
    return [100 * (a[phase][clock] / b[phase][clock] - 1) for a, b in zip(with_it, without, strict=True)]


def in_hooks(run: dict[str, float]) -> float:
    """Per cent of the rest that a phase spends in the hooks of callbacks: what they cost, but for calling them.

    Of a training by itself, as to look takes time.
    """
    return 100 * run["callbacks_s"] / (run["wall_s"] - run["callbacks_s"])


def table(results: dict[str, Any]) -> Table:
    """A row for each way and phase."""
    found = results["machine"]
    steps = results["runs"][NOTHING][0]["steps"]
    caption = (
        f"{steps} steps; {found['hardware']['cpu']}, load before {found['load_average']:.1f}; medians of "
        f"{len(results['runs'][NOTHING])} rounds. Recording may take {AT_MOST:g} % of the training (fit)."
    )
    shown = Table(title="What recording costs", title_justify="left", caption=caption, caption_justify="left")
    for heading in ("recorded to", "phase", "s", "more, %", "of each round", "CPU s", "more, %", "in hooks, %", ""):
        shown.add_column(heading, justify="left" if heading in ("recorded to", "phase") else "right")
    for way in WAYS:
        for phase in PHASES:
            runs = results["runs"][way]
            wall, cpu = (overhead(results, way, phase, clock) for clock in ("wall_s", "cpu_s"))
            is_held = phase == "fit" and way != NOTHING
            verdict = ("✓" if median(wall) <= AT_MOST else "✗") if is_held else ""
            shown.add_row(
                way,
                phase,
                f"{median(run[phase]['wall_s'] for run in runs):.1f}",
                f"{median(wall):+.1f}",
                " ".join(f"{value:+.1f}" for value in wall),
                f"{median(run[phase]['cpu_s'] for run in runs):.1f}",
                f"{median(cpu):+.1f}",
                f"{in_hooks(results['in_hooks'][way][phase]):.1f}" if way in results["in_hooks"] else "",
                verdict,
            )
    return shown


def write_long_run(config: TrackingConfig, output_dir: Path, n_steps: int, every: int = 10_000) -> tuple[str, Result]:
    """Record a run of many steps, each with two metrics and a row of a table, without training anything.

    Returns:
        the run's id; `log_s`: seconds that its steps took to log; `commit_s`: seconds of its commits.

    """
    log_s = commit_s = 0.0
    with Recorder.start(config, output_dir, run_name=f"{n_steps} steps") as recorder:
        for first in range(0, n_steps, every):
            begin = time.perf_counter()
            for step in range(first, min(first + every, n_steps)):
                recorder.log_metrics({"train/loss": 1 / (1 + step), "train/accuracy": step / n_steps}, step)
                recorder.append("logs/train_log", {"step": step, "loss": 1 / (1 + step)})
            middle = time.perf_counter()
            recorder.commit(min(first + every, n_steps))
            log_s += middle - begin
            commit_s += time.perf_counter() - middle
        run_id = recorder.run_id
    return run_id, {"steps": n_steps, "log_s": log_s, "commit_s": commit_s}


def long_runs(n_steps: int, uri: str, folder: Path) -> dict[str, Result]:
    """The long run in both stores."""
    stores = {SQLITE: None, SERVER: uri}
    return {way: write_long_run(TrackingConfig(uri), folder / "long", n_steps)[1] for way, uri in stores.items()}


def long_table(results: dict[str, Result]) -> Table:
    """A row for each store."""
    shown = Table(title="A long run, recorded only", title_justify="left")
    for heading in ("recorded to", "steps", "logging, µs a step", "commits, s"):
        shown.add_column(heading, justify="left" if heading == "recorded to" else "right")
    for way, run in results.items():
        micros = 1e6 * run["log_s"] / run["steps"]
        shown.add_row(way, f"{run['steps']:,}", f"{micros:.0f}", f"{run['commit_s']:.1f}")
    return shown


if __name__ == "__main__":
    main()
