"""`make benchmark-rules`: what stands before the first step of `graft`, the index of n-grams and its teacher, and what
`initializer=selected` takes beyond that, the selection itself.

python -m benchmarks.ngram_index [--source PATH] [--json FILE] [--threads N] [--texts N]

The digests tell whether two versions of the package make the same index, the same teacher and the same choice.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import hashlib
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.child import ROOT, Result, in_child, peak_mb
from benchmarks.machine import machine
from benchmarks.rules import configured
from benchmarks.run import write
from benchmarks.setup import configuration
from benchmarks.source import generate, reviews_here
from tokenlayer.data.prepare import prepare
from tokenlayer.rules.graft import GraftRuleConfig
from tokenlayer.selection import linear, ngram_selection
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams import index

TARGET = {"seconds": 20.0, "growth_mb": 1500.0, "selection_s": 10.0}
"""On two cores, for the reviews; the selection is that of 500 tokens."""
COUNTING, FINDING, TEACHER, REST = "counting n-grams", "texts of the indexed", "teacher", "scores and choice"
STAGES = COUNTING, FINDING, TEACHER, REST
ROUNDS = 3
_WARM_UP = 300  # texts, for which everything is compiled


def main() -> None:
    wanted = arguments()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        source = wanted.source or reviews_here()
        if source is None:
            source = Path(folder, "generated.csv")
            console.print("no reviews here: generating texts of their shape")
            generate(source)
        overrides = configured(source, Path(folder, "cache"), wanted.threads, [])
        in_child("benchmarks.data:prepare_texts", overrides=overrides)
        measured = in_child("benchmarks.ngram_index:measure", overrides=overrides, n_texts=wanted.texts)
    results = {"source": source.name, "machine": machine(), **measured}
    console.print(table(results))
    name = f"ngram-index-{datetime.date.today()}-{platform.node()}.json"
    path = wanted.json or ROOT / "benchmarks" / "results" / name
    write(path, results)
    console.print(f"all numbers: {os.path.relpath(path)}", highlight=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ngram_index", description="The index of n-grams.")
    parser.add_argument("--source", type=Path, help="reviews: CSV, archive or folder (default: in the data folder)")
    parser.add_argument("--json", type=Path, help="where to write all numbers (default: benchmarks/results/)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: torch decides)")
    parser.add_argument("--texts", type=int, help="training texts that are read (default: all)")
    return parser.parse_args()


def measure(overrides: list[str], n_texts: int | None = None) -> Result:
    """Make the index and the teacher once, and select, after a first time on few texts, which compiles.

    Returns:
        `seconds` of index and teacher, and of each of the `stages`; `selection_s`, of `rounds` of selecting
        `vocab_size` tokens; `processor_s`, of all threads; `growth_mb`: by how much the
        largest resident memory exceeds that of before; what was made: `texts`, `characters`, `ngrams`, `entries`;
        `digests`; `threads`.

    """
    config = configuration(overrides)
    rule = config.learning_rule
    assert isinstance(rule, GraftRuleConfig)
    if config.trainer.threads is not None:
        torch.set_num_threads(config.trainer.threads)
    dataset = prepare(config.dataset)
    texts = dataset.training_texts().first(n_texts or len(dataset.training_texts()))  # first: which keeps nothing

    def made(texts: TrainingTexts) -> ngram_selection.NgramSelection:
        settings = replace(rule, distillation_weight=1.0)  # the targets are the teacher's then
        lengths, K = rule.lengths(), config.max_token_length()
        return ngram_selection.ngram_selection(texts, dataset.alphabet.size, lengths, K, settings)

    def selected(taught: ngram_selection.NgramSelection, texts: TrainingTexts) -> np.ndarray:
        weight = rule.distillation_weight
        targets = (1 - weight) * taught.labels + weight * taught.targets
        selection = ngram_selection.NgramSelection(taught.index, texts, targets, rule)
        return selection.rounds(config.model.vocab_size, ROUNDS).ngrams

    before = psutil.Process().memory_info().rss / 1e6
    few = texts.first(_WARM_UP)
    selected(made(few), few)
    with Stages() as stages:
        begin, processor = time.perf_counter(), time.process_time()
        selection = made(texts)
        seconds, processor = time.perf_counter() - begin, time.process_time() - processor
    stages[REST] = seconds - sum(stages.values())
    growth = peak_mb() - before
    begin = time.perf_counter()
    chosen = selected(selection, texts)
    selection_s = time.perf_counter() - begin
    return {
        "seconds": seconds,
        "processor_s": processor,
        "stages": stages,
        "growth_mb": growth,
        "selection_s": selection_s,
        "vocab_size": config.model.vocab_size,
        "rounds": ROUNDS,
        "texts": selection.index.n_texts,
        "characters": int((texts.codes[: selection.index.n_texts] < dataset.alphabet.size).sum()),
        "ngrams": len(selection.index),
        "entries": len(selection.index.texts),
        "digests": {
            "index": _digest(*selection.index.arrays().values()),
            "teacher": _digest(selection.targets),
            "choice": _digest(np.sort(chosen)),
        },
        "threads": torch.get_num_threads(),
    }


class Stages:
    """Within: seconds of each stage, measured around the functions that the package calls."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._patches = [
            patch.object(index, "frequent_ngrams", self._iterated(index.frequent_ngrams)),
            patch.object(index, "ngram_presence", self._called(FINDING, index.ngram_presence)),
            patch.object(linear, "cross_fitted", self._called(TEACHER, linear.cross_fitted)),
        ]

    def __enter__(self) -> dict[str, float]:
        for each in self._patches:
            each.start()
        return self._seconds

    def __exit__(self, *_: object) -> None:
        for each in self._patches:
            each.stop()

    def _called(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*arguments: Any, **settings: Any) -> Any:
            begin = time.perf_counter()
            result = function(*arguments, **settings)
            self._seconds[stage] += time.perf_counter() - begin
            return result

        return timed

    def _iterated(self, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        @functools.wraps(function)
        def timed(*arguments: Any, **settings: Any) -> Iterator[Any]:
            items, following = function(*arguments, **settings), self._called(COUNTING, next)
            while (item := following(items, None)) is not None:
                yield item

        return timed


def _digest(*arrays: np.ndarray) -> str:
    found = hashlib.blake2b(digest_size=8)
    for array in arrays:
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def table(results: dict[str, Any]) -> Table:
    """A row for each stage, one for all of them, and one for the selection."""
    hardware = results["machine"]["hardware"]
    caption = (
        f"{results['source']}: {results['texts']:,} texts, {results['characters']:,} characters;"
        f" {results['ngrams']:,} n-grams, {results['entries']:,} entries;"
        f" digests {' '.join(results['digests'].values())};"
        f" {results['processor_s']:.1f} s of processor;"
        f" {hardware['cpu']}, {results['threads']} threads, load before {results['machine']['load_average']:.1f}"
    )
    shown = Table(title="Index, teacher and selection", title_justify="left", caption=caption, caption_justify="left")
    for heading in ("", "s", "share", "target", "MB more", "target"):
        shown.add_column(heading, justify="right" if heading else "left")
    for stage, seconds in results["stages"].items():
        shown.add_row(stage, f"{seconds:.1f}", f"{seconds / results['seconds']:.0%}")
    bounds = (f"≤ {TARGET['seconds']:.0f}", f"{results['growth_mb']:,.0f}", f"≤ {TARGET['growth_mb']:,.0f}")
    shown.add_row("index and teacher", f"{results['seconds']:.1f}", "", *bounds)
    selection = f"selection of {results['vocab_size']:,} tokens, {results['rounds']} rounds"
    shown.add_row(selection, f"{results['selection_s']:.1f}", "", f"≤ {TARGET['selection_s']:.0f}")
    return shown


if __name__ == "__main__":
    main()
