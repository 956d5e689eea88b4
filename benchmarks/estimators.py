"""The estimators on reviews: their fit beside `tokenlayer train` on the same texts, and how many texts they predict.

python -m benchmarks.estimators [--source CSV]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.child import Result, in_child
from benchmarks.source import generate, reviews_here
from tokenlayer.cli.main import main as tokenlayer
from tokenlayer.estimators.classifier import TokenClassifier
from tokenlayer.estimators.selector import TokenSelector
from tokenlayer.terminal import console

AT_MOST = 1.2  # times the training of the command
AT_LEAST = {"short": 20_000, "long": 4_000}  # texts a second
_LENGTHS = {"short": 60, "long": 2000}  # characters
_SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def write_table(source: Path, path: Path, n_texts: int | None) -> None:
    """Write a table of reviews with a column that splits them 70/15/15."""
    reviews = pd.read_csv(source, nrows=n_texts).rename(columns={"review": "text", "sentiment": "label"})
    names = [name for name, share in _SHARES.items() for _ in range(round(share * len(reviews)))]
    reviews.assign(part=pd.Series(names)).dropna().to_csv(path, index=False)


def command(path: str, folder: str, n_tokens: int) -> Result:
    """`tokenlayer train`, its texts not yet in the cache: wall and CPU seconds of all of it, and of its parts."""
    times = Path(folder, "times.json")
    columns = [f"dataset.{name}_column={column}" for name, column in (("text", "text"), ("label", "label"))]
    timer = f"+callbacks.timer={{_target_:benchmarks.timer.PhaseTimerConfig,path:{times}}}"
    line = ["train", "dataset=table", f"dataset.source={path}", *columns, "dataset.split_column=part"]
    line += [f"model.vocab_size={n_tokens}", f"output_dir={folder}/outputs", f"dataset.cache_dir={folder}/cache"]
    whole = _timed(lambda: tokenlayer([*line, "allow_targets=[benchmarks]", timer]))
    return {"whole": whole, **json.loads(times.read_text())}


def estimators(path: str, n_tokens: int) -> Result:
    """The fit of `TokenClassifier` on the training texts, and predictions: wall and CPU seconds."""
    table = pd.read_csv(path, keep_default_na=False)
    train, test = (table[table["part"] == name] for name in ("train", "test"))
    classifier = TokenClassifier(n_tokens)
    found: Result = {"fit": _timed(lambda: classifier.fit(train["text"], train["label"]))}
    selector = TokenSelector(n_tokens)
    selector._fitted, selector.tokens_ = classifier._fitted, classifier.tokens_  # a second fit would learn the same
    found["accuracy"] = classifier.score(test["text"], test["label"])
    texts = test["text"].tolist()
    for kind, length in _LENGTHS.items():
        some = [(text * (1 + length // max(1, len(text))))[:length] for text in texts * (1 + 7500 // len(texts))]
        for what, action in (("predict", classifier.predict), ("transform", selector.transform)):
            action(some[:100])
            found[f"{what} {kind}"] = {"texts": len(some), **_timed(lambda: action(some))}  # noqa: B023 (called at once)
    return found


def _timed(action: Callable[[], object]) -> Result:
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def measured(path: Path, folder: Path, n_tokens: int) -> Result:
    """Both, each in a process of its own."""
    load = psutil.getloadavg()[0]
    results = {
        "command": in_child("benchmarks.estimators:command", path=str(path), folder=str(folder), n_tokens=n_tokens),
        "estimators": in_child("benchmarks.estimators:estimators", path=str(path), n_tokens=n_tokens),
    }
    return {**results, "load_average": load}


def table_of(results: Result) -> Table:
    """A row for each figure."""
    command, own = results["command"], results["estimators"]
    shown = Table(
        title="Estimators",
        title_justify="left",
        caption=f"load before {results['load_average']:.1f}; accuracy {own['accuracy']:.4f}",
    )
    for heading in ("what", "wall s", "CPU s", "of the command's training", "texts a CPU s"):
        shown.add_column(heading, justify="left" if heading == "what" else "right")
    for name in ("whole", "fit", "test"):
        times = command[name]
        shown.add_row(f"tokenlayer train, {name}", f"{times['wall_s']:.1f}", f"{times['cpu_s']:.1f}", "", "")
    training = {clock: command["whole"][clock] - command["test"][clock] for clock in ("wall_s", "cpu_s")}
    fit = own["fit"]
    ratio = fit["cpu_s"] / training["cpu_s"]
    shown.add_row("fit", f"{fit['wall_s']:.1f}", f"{fit['cpu_s']:.1f}", f"{ratio:.2f} {_sign(ratio <= AT_MOST)}", "")
    for name, times in own.items():
        if isinstance(times, dict) and "texts" in times:
            rate = times["texts"] / times["cpu_s"]
            fast = _sign(rate >= AT_LEAST[name.split()[1]])
            shown.add_row(name, f"{times['wall_s']:.2f}", f"{times['cpu_s']:.2f}", "", f"{rate:,.0f} {fast}")
    return shown


def _sign(holds: bool) -> str:
    return "✓" if holds else "✗"


def main(arguments: Sequence[str] | None = None, terminal: Console | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="CSV with review and sentiment; else generated texts")
    parser.add_argument("--texts", type=int, help="so many of them alone")
    parser.add_argument("--tokens", type=int, default=500)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        source, path = given.source or reviews_here(), Path(folder, "table.csv")
        if source is None:
            generate(source := Path(folder, "generated.csv"))
        write_table(source, path, given.texts)
        results = measured(path, Path(folder), given.tokens)
    (terminal or console()).print(table_of(results))


if __name__ == "__main__":
    main()
