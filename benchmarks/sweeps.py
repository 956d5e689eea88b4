"""Sweeps: jobs side by side against jobs one after the other, and the second run of a sweep that is done.

python -m benchmarks.sweeps [--json FILE] [key=value …]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rich.console import Console

from benchmarks.child import ROOT
from benchmarks.machine import machine
from benchmarks.run import write
from tokenlayer.tracking.reading import find_runs

LEAST_THROUGHPUT = 1.7
MOST_SECONDS = 10.0
JOBS = 12
TRAINING = ("dataset=planted", "trainer.accelerator=cpu", "trainer.threads=1")
"""The default training on planted texts, with one thread."""
SHORT = (*TRAINING, "dataset.n_texts=300", "trainer.max_steps=5", "callbacks.figures=null")
SIDE_BY_SIDE = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
# A second or two of a processor, and nothing of memory or disk.
COUNTING = "for number in range(30_000_000): pass"


def main() -> None:
    wanted = arguments()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        most = throughput_of_counting()
        # The texts are prepared and cached first, or one way would wait for them and the other not.
        seconds("seed=9", *TRAINING, "trainer.max_steps=5", *wanted.overrides, folder=place)
        after = seconds("seed=0,1", *TRAINING, *wanted.overrides, "sweep.name=after", folder=place)
        beside = seconds("seed=0,1", *TRAINING, *SIDE_BY_SIDE, *wanted.overrides, "sweep.name=beside", folder=place)
        jobs_after, _ = of_the_jobs("after", place)
        _, jobs_beside = of_the_jobs("beside", place)
        seeds = f"seed=range(0,{JOBS})"
        first = seconds(seeds, *SHORT, folder=place)
        again = seconds(seeds, *SHORT, folder=place)
    console.print(f"two jobs: {after:.1f} s one after the other, {beside:.1f} s side by side", highlight=False)
    of_this_machine = f"two processes that count: × {most:.2f}"
    throughput = jobs_after / jobs_beside
    console.print(f"their runs: {jobs_after:.1f} s in all; {jobs_beside:.1f} s from begin to end", highlight=False)
    console.print(
        f"throughput × {throughput:.2f} (at least {LEAST_THROUGHPUT}; {of_this_machine}); "
        f"with start and end of the commands × {after / beside:.2f}",
        highlight=False,
    )
    console.print(f"{JOBS} jobs: {first:.1f} s; again {again:.1f} s (at most {MOST_SECONDS:.0f})", highlight=False)
    results = {
        "machine": machine(),
        "counting": most,
        "after": after,
        "beside": beside,
        "jobs_after": jobs_after,
        "jobs_beside": jobs_beside,
        "first": first,
        "again": again,
    }
    path = wanted.json or ROOT / "benchmarks" / "results" / f"sweeps-{datetime.date.today()}-{platform.node()}.json"
    write(path, results)
    console.print(f"all numbers: {os.path.relpath(path)}", highlight=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweeps", description="What sweeps cost.")
    parser.add_argument("--json", type=Path, help="where to write all numbers (default: benchmarks/results/)")
    parser.add_argument("overrides", nargs="*", help="settings of the training, such as trainer.max_epochs=2")
    return parser.parse_args()


def throughput_of_counting() -> float:
    """The most that two jobs side by side can gain here: processors may be threads of one core, which share it."""

    def took(processes: int) -> float:
        began = time.perf_counter()
        counting = [subprocess.Popen([sys.executable, "-c", COUNTING]) for _ in range(processes)]
        for process in counting:
            process.wait()
        return time.perf_counter() - began

    return median(2 * took(1) / took(2) for _ in range(5))


def seconds(*overrides: str, folder: Path) -> float:
    """Wall time of a sweep, from the command line to its summary."""
    place = (f"output_dir={folder}/outputs", f"dataset.cache_dir={folder}/cache")
    began = time.perf_counter()
    command = [sys.executable, "-m", "tokenlayer", "train", "-m", *overrides, *place]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def of_the_jobs(sweep: str, folder: Path) -> tuple[float, float]:
    """Seconds of the runs of a sweep: all of them added up, and from the begin of the first to the end of the last."""
    runs = find_runs(output_dir=folder / "outputs")
    (parent,) = runs.loc[runs["name"] == sweep, "run_id"]
    jobs = runs[runs["tags.mlflow.parentRunId"] == parent]
    in_all = (jobs["end"] - jobs["start"]).sum()
    return in_all.total_seconds(), (jobs["end"].max() - jobs["start"].min()).total_seconds()


if __name__ == "__main__":
    main()
