"""Times the steps of the real command, with everything recorded and with nothing recorded."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

import torch

from benchmarks.child import Result
from benchmarks.setup import configuration
from tokenlayer.cli.main import main as tokenlayer
from tokenlayer.training.callbacks.checkpoints import CheckpointsConfig

WARM_UP = 30


def measure(overrides: Sequence[str], n_steps: int, recording: bool) -> Result:
    """Time `n_steps` steps of `tokenlayer train`, as a user calls it.

    Args:
        overrides: the configuration.
        n_steps: number of steps.
        recording: False leaves out all callbacks; data, model, optimizer and Lightning's loop remain.

    """
    callbacks = configuration(overrides).callbacks
    checkpoints = callbacks["checkpoints"]
    assert isinstance(checkpoints, CheckpointsConfig)
    off = [] if recording else [f"callbacks.{name}=null" for name in callbacks]
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder, "times.json")
        code = tokenlayer(
            [
                "train",
                *overrides,
                *off,
                f"trainer.max_steps={n_steps + 1}",  # one more, whose beginning ends the last
                "trainer.limit_test_batches=1",
                f"output_dir={folder}/outputs",
                "allow_targets=[benchmarks]",
                f"+callbacks.step_timer={{_target_:benchmarks.timer.StepTimerConfig,path:{times}}}",
            ]
        )
        if code:
            raise RuntimeError(f"tokenlayer train ended with code {int(code)}")
        timed: Result = json.loads(times.read_text())
    commit_every = max(1, timed["batches_per_epoch"] // checkpoints.per_epoch)
    return {**timed, "commit_every": commit_every, "threads": torch.get_num_threads()}


def window(run: Result) -> list[float]:
    """The steps of a run after the warm-up: the last whole periods between commits, so that these have their share."""
    steps: list[float] = run["steps_ms"][min(WARM_UP, len(run["steps_ms"]) // 2) :]
    period = run["commit_every"]
    return steps[-(len(steps) // period * period) :] if len(steps) >= period else steps


def summary(runs: Sequence[Result]) -> dict[str, Any]:
    """Mean, median and 95th percentile over all runs, in ms; the mean of each."""
    steps = [step for run in runs for step in window(run)]
    return {
        "mean_ms": fmean(steps),
        "median_ms": median(steps),
        "p95_ms": quantiles(steps, n=20)[-1],
        "mean_ms_of_each": [fmean(window(run)) for run in runs],
        "steps_of_each": [len(window(run)) for run in runs],
    }
