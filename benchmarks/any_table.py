"""The default settings on tables of all kinds, beside the majority class and TF-IDF of words or of short n-grams.

python -m benchmarks.any_table [KIND …] [--folder FOLDER] [--with key=value …] [--seeds N]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.tables import KINDS, write
from tokenlayer import find_runs
from tokenlayer.cli.main import main as tokenlayer
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.data.types import PreparedDataset

_UNWATCHED = ("vals_log", "grads_log", "figures", "token_history", "patterns_log", "token_effects")
_SHOWN = {
    "validation/accuracy": "validation",
    "test/accuracy": "accuracy",
    "test/balanced_accuracy": "balanced",
    "test/f1": "F1",
}
_CHOSEN = ("dataset.text_length", "dataset.alphabet.size", "dataset.batch_size", "learning_rule.ngram_lengths",
           "trainer.max_epochs", "model.embedding_l2")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.any_table", description="Defaults on all kinds of texts."
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument("--folder", type=Path, default=Path("outputs/any_table"), help="default: %(default)s")
    parser.add_argument("--with", dest="settings", nargs="*", default=[], metavar="key=value",
                        help="settings to compare with the defaults")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each kind (default: %(default)s)")
    wanted = parser.parse_args()
    ways = [[], wanted.settings] if wanted.settings else [[]]
    rows = [
        row(kind, wanted.folder, settings, seed)
        for kind in wanted.kinds or KINDS
        for settings in ways
        for seed in range(wanted.seeds)
    ]
    table = pd.DataFrame(rows)
    table.to_csv(wanted.folder / "any_table.csv", index=False)
    print(table.to_string(index=False))


def row(kind: str, folder: Path, settings: Sequence[str], seed: int) -> dict[str, Any]:
    """Train with some settings and compare on one kind of table."""
    folder.mkdir(parents=True, exist_ok=True)
    source = write(kind, folder)
    begin = time.perf_counter()
    run = trained(kind, source, [*settings, f"seed={seed}"])
    seconds = time.perf_counter() - begin
    dataset = prepare(TableConfig(source=str(source), text_column="text", label_column="label"))
    accuracy, f1 = tfidf(dataset)
    labels = dataset.splits["test"].labels
    return {
        "table": f"{kind}: {KINDS[kind].about}",
        "settings": " ".join(settings) or "defaults",
        "seed": seed,
        "majority": round(float(np.bincount(labels).max() / len(labels)), 3),
        "TF-IDF": round(accuracy, 3),
        "TF-IDF F1": round(f1, 3),
        **{name: round(float(run[f"metrics.{metric}"]), 3) for metric, name in _SHOWN.items()},
        "seconds": round(seconds),
        **{key.rpartition(".")[2]: run[f"params.{key}"] for key in _CHOSEN},
    }


def trained(kind: str, source: Path, settings: Sequence[str]) -> pd.Series[Any]:
    """The run of a training with the table's columns and these settings, all else by default."""
    columns = [f"dataset.source={source}", "dataset.text_column=text", "dataset.label_column=label"]
    place = [f"output_dir={source.parent / 'outputs'}", f"tracking.experiment={kind}"]
    unwatched = [f"callbacks.{name}=null" for name in _UNWATCHED]
    if code := tokenlayer(["train", "dataset=table", *columns, *place, *unwatched, *settings]):
        raise RuntimeError(f"training on {source} ended with code {int(code)}")
    return find_runs(experiment=kind, output_dir=source.parent / "outputs").iloc[0]


def tfidf(dataset: PreparedDataset) -> tuple[float, float]:
    """Accuracy and F1 (of class 1, or the mean over classes) on test texts; validation texts choose the features."""
    none = dataset.alphabet.none_code
    parts = {
        name: [dataset.alphabet.decode(row[row != none]) for row in split.codes]
        for name, split in dataset.splits.items()
    }
    labels = {name: split.labels for name, split in dataset.splits.items()}
    found = []
    for kind in ({"token_pattern": r"\S+"}, {"analyzer": "char", "ngram_range": (1, 4), "min_df": 3}):
        vectors = TfidfVectorizer(sublinear_tf=True, **kind)
        model = LogisticRegression(C=10, max_iter=300).fit(vectors.fit_transform(parts["train"]), labels["train"])
        predicted = {name: model.predict(vectors.transform(parts[name])) for name in ("validation", "test")}
        average = "binary" if len(dataset.class_names) == 2 else "macro"
        found.append(
            (
                accuracy_score(labels["validation"], predicted["validation"]),
                accuracy_score(labels["test"], predicted["test"]),
                f1_score(labels["test"], predicted["test"], average=average),
            )
        )
    _, accuracy, f1 = max(found)
    return float(accuracy), float(f1)


if __name__ == "__main__":
    main()
