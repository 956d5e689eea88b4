"""The profile of training texts: how many, how long, of which characters. Settings left open are chosen by it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from tokenlayer.data.cache import cache_root
from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.splits import content_ids, split_to_train
from tokenlayer.disk_cache import load_or_make
from tokenlayer.text.alphabet import count_characters
from tokenlayer.text.cleaning import clean

Config = TypeVar("Config", bound=DatasetConfig)

LONGEST_TEXT = 2000
"""Characters of a text that a model reads, where nothing else is said."""
ROOM = 12
"""Characters of padding behind a text, for a pattern of K = 13 to match at its very end."""
SMALLEST_ALPHABET, LARGEST_ALPHABET = 30, 5000
_COVERED = 0.999  # share of the characters of the texts
_OFTEN = 0.01  # occurrences for each text: an emoji may be more informative than its share of the characters
_SMALLEST_BATCH, _LARGEST_BATCH = 8, 32
_BATCHES = 50  # that an epoch should have

_FORMAT = 1  # of what is kept on disk


@dataclass(frozen=True)
class TextProfile:
    """The n training texts of a dataset, cleaned, before the alphabet is known."""

    n_texts: int
    """n"""
    lengths: tuple[int, ...]
    """(101,): percentiles 0, 1, … 100 of the texts' lengths in characters."""
    counts: tuple[int, ...]
    """Occurrences of each character that occurs, the most frequent first."""

    def text_length(self) -> int:
        """L, which cuts one text in a hundred, and none that is shorter than `LONGEST_TEXT`."""
        return min(LONGEST_TEXT, max(1, self.lengths[99]) + ROOM)

    def alphabet_size(self) -> int:
        """C: as many of the most frequent characters as make up 99.9 % of the texts, or occur in some 1 % of them."""
        counts = np.array(self.counts, dtype=np.int64)
        missed = counts.sum() - counts.cumsum()
        covering = int((missed > (1 - _COVERED) * counts.sum()).sum()) + 1
        often = int((counts >= max(3.0, _OFTEN * self.n_texts)).sum())
        wanted = min(LARGEST_ALPHABET, max(SMALLEST_ALPHABET, covering, often))
        return max(1, min(wanted, len(counts)))

    def batch_size(self) -> int:
        """B: 32, or so few that an epoch has some 50 batches, but 8, or what there is."""
        wanted = 1 << max(0, self.n_texts // _BATCHES).bit_length() >> 1
        return min(self.n_texts, max(_SMALLEST_BATCH, min(_LARGEST_BATCH, wanted)))

    def bits(self) -> float:
        """Entropy of a character of the alphabet: 4.1 for English in lower case, 9 to 10 for Chinese."""
        counts = np.array(self.counts[: self.alphabet_size()], dtype=np.float64)
        share = counts / counts.sum() if len(counts) else np.ones(1)
        return float(-(share * np.log2(share)).sum())


def profile(config: DatasetConfig) -> TextProfile:
    """The training texts of a dataset, from the cache where they are known.

    Raises:
        InputError: a source that is missing, malformed or not fit to train on.

    """
    asked = config.cache_settings()
    for name in ("text_length", "alphabet"):
        del asked[name]
    settings = {"format": _FORMAT, "source": config.source_key(), **asked}
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]
    path = cache_root(config.cache_dir) / "profiles" / f"{key}.json"
    return load_or_make(path, _load, lambda unfinished: _write(unfinished, _made(config)))


def settled(config: Config) -> Config:
    """Return the dataset with text length and alphabet chosen from its training texts, if it leaves them open."""
    if None not in (config.text_length, config.alphabet.size):  # of which alone the encoded texts depend
        return config
    found = profile(config)
    return replace(
        config,
        text_length=config.text_length or found.text_length(),
        alphabet=replace(config.alphabet, size=config.alphabet.size or found.alphabet_size()),
    )


def _made(config: DatasetConfig) -> TextProfile:
    raw = config.load()
    splits = split_to_train(raw, content_ids(raw.texts), config.split_seed)
    texts = [clean(raw.texts[i], config.cleaning) for i in splits["train"]]
    lengths = np.percentile([len(text) for text in texts], range(101), method="higher")
    _, counts = count_characters(texts)
    return TextProfile(len(texts), tuple(lengths.astype(int).tolist()), tuple(counts.tolist()))


def _write(path: Path, found: TextProfile) -> None:
    path.write_text(json.dumps(asdict(found)), encoding="utf-8")


def _load(path: Path) -> TextProfile | None:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return TextProfile(known["n_texts"], tuple(known["lengths"]), tuple(known["counts"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
