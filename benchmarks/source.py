"""The texts: the real reviews, or generated ones of their shape."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from benchmarks.child import ROOT

REVIEWS = "imdb_dataset.csv.gz"
N_TEXTS = 50_000
_WORDS_MEDIAN, _WORDS_SPREAD, _LEXICON = 175, 0.65, 30_000
_LETTERS = np.array(list("etaoinshrdlucmfwygpbvkxqjz123"))  # with the space 30 characters, as the reviews have


def reviews_here() -> Path | None:
    """The CSV of reviews in the data folder that $TOKENLAYER_SHARED names, or in `shared` beside the repository."""
    shared = Path(os.environ.get("TOKENLAYER_SHARED", ROOT.parent / "shared"))
    path = shared / "data" / REVIEWS
    return path if path.exists() else None


def generate(path: Path, n_texts: int = N_TEXTS, seed: int = 0) -> None:
    """Write a CSV (review, sentiment) of texts about as long as the reviews, whose words repeat about as often."""
    random = np.random.default_rng(seed)
    lengths = random.integers(2, 11, _LEXICON)
    lexicon = np.array(["".join(random.choice(_LETTERS, length)) for length in lengths], dtype=object)
    frequency = 1 / np.arange(10, _LEXICON + 10)  # Zipf's law without the most frequent words
    frequency /= frequency.sum()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "sentiment"])
        for index in range(n_texts):
            n_words = int(random.lognormal(np.log(_WORDS_MEDIAN), _WORDS_SPREAD)) + 5
            words = lexicon[random.choice(_LEXICON, n_words, p=frequency)]
            writer.writerow([" ".join(words).capitalize() + ".", ("negative", "positive")[index % 2]])
