"""`make benchmark`: takes all measurements in turn; writes a table and a JSON file.

python -m benchmarks.run [--original] [--source PATH] [--json FILE] [--threads N] [--steps N]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import report, training
from benchmarks.child import ROOT, in_child
from benchmarks.machine import machine
from benchmarks.source import generate, reviews_here
from tokenlayer import atomic

PART_STEPS, DENSE_STEPS, ORIGINAL_STEPS = 100, 3, 5
ROUNDS = 2
# All texts, where the original takes 10 million characters: the harder case.
WHOLE_CORPUS = "initializer.corpus.cap=null"


def main() -> None:
    wanted = arguments()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        source = wanted.source or reviews_here()
        if source is None:
            source = Path(folder, "generated.csv")
            console.print("no reviews here: generating texts of their shape")
            generate(source)
        overrides = original_configuration(source, Path(folder, "cache"), wanted.threads)
        results = measured(overrides, wanted.steps, wanted.original, console)
    results["source"] = "generated texts" if source.name == "generated.csv" else source.name
    report.show(console, results)
    path = wanted.json or ROOT / "benchmarks" / "results" / f"{datetime.date.today()}-{platform.node()}.json"
    write(path, results)
    console.print(f"all numbers: {os.path.relpath(path)}", highlight=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Speed and memory.")
    parser.add_argument("--original", action="store_true", help="time the original package, too (Python 3.11)")
    parser.add_argument("--source", type=Path, help="reviews: CSV, archive or folder (default: in the data folder)")
    parser.add_argument("--json", type=Path, help="where to write all numbers (default: benchmarks/results/)")
    parser.add_argument("--threads", type=int, help="CPU threads of torch (default: torch decides)")
    parser.add_argument("--steps", type=int, default=330, help="steps of each timed run (default: %(default)s)")
    return parser.parse_args()


def original_configuration(source: Path, cache: Path, threads: int | None) -> list[str]:
    """The original's experiment on the CPU, with a cache of its own."""
    return [
        "experiment=original_imdb",
        f'dataset.source="{source.absolute()}"',
        f"dataset.cache_dir={cache}",
        "trainer.accelerator=cpu",
        f"trainer.threads={'null' if threads is None else threads}",
    ]


def measured(overrides: Sequence[str], n_steps: int, original: bool, console: Console) -> dict[str, Any]:
    """All measurements, each in a process of its own."""
    results: dict[str, Any] = {"machine": machine(), "overrides": list(overrides)}

    def take(name: str, target: str, *more: str, **settings: Any) -> None:
        console.print(f"measuring: {name.replace('_', ' ')}", style="dim")
        results[name] = in_child(f"benchmarks.{target}", overrides=[*overrides, *more], **settings)

    take("data_first", "data:prepare_texts")
    take("data_cached", "data:prepare_texts")
    take("initializer", "data:draw_patterns", WHOLE_CORPUS)
    rounds: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for index in range(2 * ROUNDS):  # in turns, so that other load on the machine falls on both
        recording = index % 2 == 0
        name = f"round_{index // 2 + 1}_{'recording' if recording else 'loop_only'}"
        take(name, "training:measure", n_steps=n_steps, recording=recording)
        rounds[recording].append(results.pop(name))
    for name, recording in (("step", True), ("loop_only", False)):
        peak = max(run["peak_mb"] for run in rounds[recording])
        results[name] = {**training.summary(rounds[recording]), "peak_mb": peak, "runs": rounds[recording]}
    take("parts", "parts:measure", n_steps=PART_STEPS)
    take("evaluation", "evaluation:measure")
    take("dense", "dense:measure", n_steps=DENSE_STEPS)
    if original:
        take("original", "against_original:measure", n_steps=ORIGINAL_STEPS)
    return results


def write(path: Path, results: dict[str, Any]) -> None:
    """Write all results to a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.replace_text(path, json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
