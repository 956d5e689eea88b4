"""`make benchmark-prediction`: texts a second of a trained model, and the memory that tables of any length take.

python -m benchmarks.prediction [--source PATH] [--json FILE] [--texts N]

A model of 500 tokens is trained on some of the reviews for an epoch. Short texts (80 characters) and long ones (2,000)
are cut out of all reviews. The processor's time is measured beside the clock's, which depends on what else runs on the
machine.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.child import ROOT, Result, in_child
from benchmarks.machine import machine
from benchmarks.run import write
from benchmarks.source import generate, reviews_here
from tokenlayer.cli.main import main as tokenlayer
from tokenlayer.inference.loading import load
from tokenlayer.inference.predicting import predict_table
from tokenlayer.inference.tables import TextTable

KINDS = {"short": 80, "long": 2000}
"""Characters of a text."""
TARGETS = {"short": 20_000, "long": 4_000}
"""Texts a second on two cores."""
_TRAINED_ON = 6000
_ROUNDS = 3
_LONGER = 4  # times, of the second table, which must take no more memory than the first


def main() -> None:
    wanted = arguments()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        source = wanted.source or reviews_here()
        if source is None:
            source = Path(folder, "generated.csv")
            console.print("no reviews here: generating texts of their shape")
            generate(source)
        results = {"source": source.name, "machine": machine(), **measured(source, Path(folder), wanted.texts, console)}
    console.print(table(results))
    path = wanted.json or ROOT / "benchmarks" / "results" / f"prediction-{datetime.date.today()}-{platform.node()}.json"
    write(path, results)
    console.print(f"all numbers: {os.path.relpath(path)}", highlight=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prediction", description="The speed of predictions.")
    parser.add_argument("--source", type=Path, help="reviews: CSV (default: in the data folder)")
    parser.add_argument("--json", type=Path, help="where to write all numbers (default: benchmarks/results/)")
    parser.add_argument("--texts", type=int, default=10_000, help="texts of 2,000 characters (default: %(default)s)")
    return parser.parse_args()


def measured(
    source: Path, folder: Path, n_texts: int, console: Console, training: Sequence[str] = ("experiment=learned_imdb",)
) -> dict[str, Any]:
    """Train a model, and measure each kind of text in processes of their own."""
    reviews = pd.read_csv(source)
    reviews.head(_TRAINED_ON).to_csv(folder / "some.csv", index=False)
    console.print("training", style="dim")
    in_child(
        "benchmarks.prediction:train", source=str(folder / "some.csv"), folder=str(folder), settings=list(training)
    )
    results: dict[str, Any] = {}
    for kind, length in KINDS.items():
        console.print(f"measuring: {kind}", style="dim")
        n = n_texts * KINDS["long"] // length // 5 if kind == "short" else n_texts
        sizes = {"table": n, "longer table": n * _LONGER}
        for name, size in sizes.items():
            path = folder / f"{kind} {name}.csv"
            cut(reviews["review"].tolist(), length, size).to_csv(path, index=False)
            results[f"{kind} {name}"] = in_child("benchmarks.prediction:of_table", source=str(path), folder=str(folder))
        results[kind] = in_child(
            "benchmarks.prediction:of_list", source=str(folder / f"{kind} table.csv"), folder=str(folder)
        )
    return results


def train(source: str, folder: str, settings: Sequence[str]) -> Result:
    """One epoch; the run's output folder is `folder`."""
    quiet = ["callbacks.figures=null", "callbacks.token_history=null", "callbacks.live_view=null"]
    where = [f"output_dir={folder}", f"dataset.cache_dir={folder}/cache", f"dataset.source='{source}'"]
    code = tokenlayer(["train", *settings, *where, *quiet, "trainer.max_epochs=1", "trainer.accelerator=cpu"])
    if code:
        raise RuntimeError(f"the training ended with code {code}")
    return {}


def cut(texts: Sequence[str], length: int, n: int) -> pd.DataFrame:
    """`n` texts of `length` characters each, cut out of all texts, one behind the other, as often as it takes."""
    return pd.DataFrame({"text": list(itertools.islice(_pieces(texts, length), n))})


def _pieces(texts: Sequence[str], length: int) -> Iterator[str]:
    rest = ""
    for text in itertools.cycle(texts):
        rest += f"{text} "
        while len(rest) >= length:
            yield rest[:length]
            rest = rest[length:]


def of_list(source: str, folder: str) -> Result:
    """The model alone, from Python: the best of some rounds."""
    model, texts = load(_run(folder), output_dir=folder), pd.read_csv(source)["text"].tolist()
    rounds = [_timed(lambda: model.predict_proba(texts), len(texts)) for _ in range(_ROUNDS)]
    return max(rounds, key=lambda each: float(each["per_second"]))


def of_table(source: str, folder: str) -> Result:
    """A CSV, read, predicted and written again."""
    model, output = load(_run(folder), output_dir=folder), Path(f"{source}.out.csv")
    n_texts = sum(len(chunk.texts) for chunk in TextTable(Path(source), "text").chunks())
    result = _timed(lambda: predict_table(model, TextTable(Path(source), "text"), output), n_texts)
    output.unlink()
    return result


def _run(folder: str) -> str:
    return str(next(Path(folder).rglob("best.ckpt"), None) or next(Path(folder).rglob("last.ckpt")))


def _timed(action: Callable[[], object], n_texts: int) -> Result:
    wall, processor = time.perf_counter(), time.process_time()
    action()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {"texts": n_texts, "per_second": n_texts / wall, "per_processor_second": n_texts / processor}


def table(results: dict[str, Any]) -> Table:
    """A row for each measurement."""
    found = results["machine"]
    caption = f"{results['source']}; {found['hardware']['cpu']}, load before {found['load_average']:.1f}"
    shown = Table(title="Predictions", title_justify="left", caption=caption, caption_justify="left")
    for heading in ("", "texts", "a second", "target", "a processor's second", "MB"):
        shown.add_column(heading, justify="right" if heading else "left")
    for kind, length in KINDS.items():
        names = {kind: "from Python", f"{kind} table": "CSV to CSV", f"{kind} longer table": "CSV to CSV"}
        for name, way in names.items():
            own = results[name]
            shown.add_row(
                f"{length} characters, {way}",
                f"{own['texts']:,}",
                f"{own['per_second']:,.0f}",
                f"≥ {TARGETS[kind]:,}",
                f"{own['per_processor_second']:,.0f}",
                f"{own['peak_mb']:.0f}",
            )
    return shown


if __name__ == "__main__":
    main()
