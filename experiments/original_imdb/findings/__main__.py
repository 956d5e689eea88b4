"""Reproduces findings 1 to 6 on why the original's model cannot learn its tokens: a figure each, and findings.csv.

    python -m experiments.original_imdb.findings --source PATH

PATH is the archive of the reviews, the folder it was extracted to, or a CSV; without it the archive is downloaded.
Further arguments are settings of `tokenlayer train`, on top of experiment=original_imdb.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import torch
from experiments.original_imdb.findings import (
    cover,
    dead_patterns,
    frozen_weights,
    gradient_rank,
    language,
    padding_noise,
)
from experiments.original_imdb.findings.common import PADDING_COLORS, Experiment, Finding, load_experiment, write
from experiments.original_imdb.findings.traces import Trace, read_trace, train_trace

from tokenlayer.errors import InputError

HERE = Path(__file__).parents[1]
STEPS = 1093


class Findings:
    """The six findings of an experiment; its trainings are made or read once, when a finding needs them."""

    def __init__(self, experiment: Experiment, steps: int, runs: Sequence[str] = (), uri: str | None = None) -> None:
        self.experiment = experiment
        self._steps = steps
        self._runs = runs
        self._uri = uri

    @cached_property
    def traces(self) -> list[Trace]:
        """A trace for each padding: of a recorded run if one was named, else of a training made here."""
        recorded = [read_trace(self.experiment, run_id, self._uri) for run_id in self._runs]
        of_padding = {trace.padding: trace for trace in recorded}
        return [
            of_padding.get(padding) or train_trace(self.experiment, padding, self._steps) for padding in PADDING_COLORS
        ]

    def reproduce(self, number: int) -> Finding:
        """Reproduce a finding, 1 to 6."""
        of_data: dict[int, Callable[[Experiment], Finding]] = {
            1: gradient_rank.reproduce,
            2: padding_noise.reproduce,
            6: cover.reproduce,
        }
        of_trainings: dict[int, Callable[[Experiment, Sequence[Trace]], Finding]] = {
            3: frozen_weights.reproduce,
            4: language.reproduce,
            5: dead_patterns.reproduce,
        }
        if number in of_data:
            return of_data[number](self.experiment)
        return of_trainings[number](self.experiment, self.traces)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code: 0 done, 2 bad input."""
    given = _parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    source = [] if given.source is None else [f"dataset.source={given.source}"]
    try:
        if given.steps < 1:
            raise InputError(f"--steps {given.steps}: a training takes at least 1 step")
        findings = Findings(load_experiment([*source, *given.settings]), given.steps, given.run, given.uri)
        for number in given.only or range(1, 7):
            began = time.perf_counter()
            finding = findings.reproduce(number)
            write([finding], given.output)
            print(f"finding {number} ({time.perf_counter() - began:.0f} s)")
            for quantity, value in finding.numbers.items():
                print(f"  {quantity}: {value:.6g}")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.original_imdb.findings",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", help="the reviews: archive, folder or CSV")
    parser.add_argument("--only", type=int, action="append", choices=range(1, 7), help="only this finding; repeatable")
    parser.add_argument("--output", type=Path, default=HERE, help="folder for figures/ and findings.csv")
    parser.add_argument(
        "--steps", type=int, default=STEPS, help=f"length of the trainings made here ({STEPS}: an epoch)"
    )
    parser.add_argument("--run", action="append", default=[], help="a recorded run for findings 3 to 5; one a padding")
    parser.add_argument("--uri", help="MLflow's store with the run (default: outputs/mlflow.db)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="settings of the experiment")
    return parser


if __name__ == "__main__":
    sys.exit(main())
