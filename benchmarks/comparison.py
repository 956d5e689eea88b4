"""Wall time of `tokenlayer compare` over many runs in a SQLite store: `python -m benchmarks.comparison`.

The runs are made through MLflow's client, with as many parameters, metrics, predictions and tokens as a training on the
IMDB reviews records: 40 conditions with five seeds each, unless `--runs` says otherwise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from tokenlayer.tracking.store import open_store
from tokenlayer.tracking.sweep_tags import KEYS_TAG, KIND_TAG, NAME_TAG, SWEEP, job_tags, keys_tag

SEEDS = 5
TEST_TEXTS, TOKENS, PARAMETERS, METRICS, VALIDATIONS = 7500, 500, 90, 40, 12
FORMATS = ("table", "markdown", "latex", "csv", "html")
_NAME = "sizes"


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        record(Path(folder), given.runs)
        print(f"{given.runs} runs recorded in {time.perf_counter() - began:.0f} s", flush=True)
        for form, seconds in times(Path(folder), given.formats or FORMATS).items():
            print(f"{form:10}{seconds:7.1f} s", flush=True)


def times(folder: Path, formats: Sequence[str]) -> dict[str, float]:
    """Seconds of the command by format, from the start of its process to its end."""
    taken = {}
    for form in formats:
        line = [sys.executable, "-m", "tokenlayer", "compare", _NAME, "--format", form, "--output-dir", str(folder)]
        began = time.perf_counter()
        done = subprocess.run([*line, "--output", str(folder / "out")], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        taken[form] = time.perf_counter() - began
    return taken


def record(folder: Path, runs: int) -> None:
    """Record a sweep of that many runs, `SEEDS` of each size."""
    store = open_store(None, folder)
    experiment = store.experiment_id("benchmark")
    tags = {KIND_TAG: SWEEP, NAME_TAG: _NAME, KEYS_TAG: keys_tag(["model.vocab_size", "seed"])}
    parent = store.client.create_run(experiment, tags=tags, run_name=_NAME).info.run_id
    rng = np.random.default_rng(0)
    for number in range(runs):
        settings = {"model.vocab_size": str(50 * (1 + number // SEEDS)), "seed": str(number % SEEDS)}
        _record_run(store.client, experiment, job_tags(parent, settings), settings, rng)
    store.client.set_terminated(parent)


def _record_run(
    client: MlflowClient, experiment: str, tags: dict[str, str], settings: dict[str, str], rng: np.random.Generator
) -> None:
    run_id = client.create_run(experiment, tags=tags).info.run_id
    accuracy = float(rng.uniform(0.8, 0.9))
    steps = np.linspace(0, 10_000, VALIDATIONS).astype(int).tolist()
    metrics = [
        Metric("validation/accuracy", accuracy - 0.1 / (1 + i), 1_700_000_000_000 + i, step)
        for i, step in enumerate(steps)
    ]
    metrics += [Metric("test/accuracy", accuracy, 1_700_000_000_000, steps[-1])]
    metrics += [Metric(f"grads/column{i}", i / 7, 1_700_000_000_000, step) for i in range(METRICS) for step in steps]
    params = [Param(key, value) for key, value in settings.items()]
    params += [Param(f"dataset.setting{i}", str(i)) for i in range(PARAMETERS)]
    client.log_batch(run_id, metrics, params, [RunTag("git.dirty", "False")])
    with tempfile.TemporaryDirectory() as folder:
        predictions, effects = Path(folder) / "test.parquet", Path(folder) / "effects.json"
        _predictions(accuracy, rng).to_parquet(predictions, index=False)
        names = [f"␣token{i}" for i in rng.choice(4 * TOKENS, TOKENS, replace=False)]
        data = [[name, float(rng.normal()), "pos", 100, 120] for name in names]
        columns = ["pattern", "effect", "towards", "texts", "matches"]
        effects.write_text(json.dumps({"columns": columns, "data": data}), encoding="utf-8")
        client.log_artifact(run_id, str(predictions), "predictions")
        client.log_artifact(run_id, str(effects), "tokens")
    client.set_terminated(run_id)


def _predictions(accuracy: float, rng: np.random.Generator) -> pd.DataFrame:
    ids = [f"{i:032x}" for i in range(TEST_TEXTS)]
    labels = np.array(["neg", "pos"] * (TEST_TEXTS // 2))
    wrong = np.where(labels == "neg", "pos", "neg")
    predicted = np.where(rng.random(TEST_TEXTS) < accuracy, labels, wrong)
    frame = pd.DataFrame({"text_id": ids, "label": labels, "prediction": predicted})
    return frame.assign(probability_neg=0.5, probability_pos=0.5)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description="Wall time of comparisons.")
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"of {', '.join(FORMATS)} (default: all)")
    parser.add_argument("--runs", type=int, default=200, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    main()
