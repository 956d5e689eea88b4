"""Which training texts hold which n-grams: an exact inverted index, from which any n-gram can be scored at any time.

N-grams are numbered level by level: a n-gram of ℓ characters is the pair (its first ℓ - 1 characters, its last one), and
only n-grams that are frequent enough are carried to the next level (the Apriori principle: a n-gram is no more frequent
than its beginning). So all counts are exact, nothing is hashed, and memory is bounded by the texts and `max_ngrams`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenlayer.layer.vocabulary import BLANK
from tokenlayer.text.corpus import TrainingTexts

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DENSE_KEYS = 1 << 27  # up to here a table over all possible keys may cost less than sorting those that occur
_SPARSE = 8  # times as many possible keys as occurrences, and it does not


@dataclass(frozen=True)
class NgramIndex:
    """P n-grams, and the texts that hold each."""

    ngrams: Ints
    """(P, K) codes, padded with blanks."""
    bounds: Ints
    """(P + 1,)"""
    texts: npt.NDArray[np.int32]
    """(entries,): texts[bounds[q]:bounds[q + 1]] are the texts, ascending, that hold n-gram q."""
    n_texts: int
    """Number of texts that are indexed: the first so many of the training texts."""

    def __len__(self) -> int:
        return len(self.ngrams)

    @property
    def frequency(self) -> Ints:
        """(P,): number of texts that hold each n-gram."""
        return np.diff(self.bounds)

    def sums(self, values: npt.NDArray[np.floating]) -> Floats:
        """(P,): for each n-gram the sum of `values` (n_texts,) over the texts that hold it."""
        return segment_sums(values[self.texts], self.bounds)

    def texts_of(self, ngrams: Ints) -> tuple[npt.NDArray[np.int32], Ints]:
        """The texts of some n-grams (m,), one n-gram behind the other, and their bounds (m + 1,)."""
        lengths = self.frequency[ngrams]
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        source = np.arange(bounds[-1]) + np.repeat(self.bounds[ngrams] - bounds[:-1], lengths)
        return self.texts[source], bounds

    def find(self, patterns: Ints) -> Ints:
        """(m,): for each of the patterns (m, K), blanks included, the number of its n-gram, or -1."""
        if not len(self):
            return np.full(len(patterns), -1)
        known, wanted = _keys(self.ngrams - BLANK), _keys(patterns - BLANK)
        order = known.argsort(kind="stable")
        at = np.searchsorted(known, wanted, sorter=order)
        at = order[np.minimum(at, len(known) - 1)]
        return np.where(known[at] == wanted, at, -1)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What it consists of, for a file."""
        return {"ngrams": self.ngrams, "bounds": self.bounds, "texts": self.texts, "n_texts": np.array(self.n_texts)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> NgramIndex:
        """From `arrays`."""
        return cls(arrays["ngrams"], arrays["bounds"], arrays["texts"], int(arrays["n_texts"]))


def segment_sums(values: npt.NDArray[np.floating], bounds: Ints) -> Floats:
    """(P,): sums of values[bounds[q]:bounds[q + 1]], no segment being empty."""
    if len(bounds) == 1:
        return np.zeros(0)
    sums: Floats = np.add.reduceat(values, bounds[:-1], dtype=np.float64)
    return sums


def index_ngrams(
    texts: TrainingTexts,
    n_characters: int,
    lengths: Sequence[int],
    max_token_length: int,
    *,
    min_texts: int,
    max_ngrams: int,
    max_characters: int,
) -> NgramIndex:
    """Index the n-grams of the training texts that are worth a look.

    Left out are n-grams in fewer than `min_texts` texts, or in all; n-grams that a longer one, indexed too, stands for (it
    is in 95 % of their texts: "wonderful" for "onderfu"); and of the rest, beyond `max_ngrams`, those whose presence
    says least about the class by itself (χ², a screening by marginal association: Fan & Lv 2008).

    Args:
        texts: the labelled training texts.
        n_characters: C.
        lengths: lengths of n-grams, at most K.
        max_token_length: K. As in matching, a n-gram counts where a window of K characters has room: at t ≤ L - K.
        min_texts: a rarer n-gram is none.
        max_ngrams: bound of P.
        max_characters: bound of the characters that are read, from the first text on: it bounds time and memory.

    """
    builder = _Builder(texts, n_characters, max_token_length, min_texts, max_characters)
    found: _Level | None = None
    previous: _Level | None = None
    for length in range(1, max(lengths) + 1):
        builder.extend()
        level = builder.level(length in lengths)
        if previous is not None:
            found = _best(found, previous.closed_under(level), max_ngrams)
        previous = level
    assert previous is not None
    found = _best(found, previous, max_ngrams)
    return NgramIndex(found.ngrams, found.bounds, found.texts, builder.n_texts)


@dataclass(frozen=True)
class _Level:
    """N-grams with their texts."""

    ngrams: Ints
    """(P, K)"""
    length: int
    bounds: Ints
    texts: npt.NDArray[np.int32]
    score: Floats
    """(P,): χ² of presence and class."""
    fingerprint: npt.NDArray[np.uint64]
    """(P,): equal, but for chance of 2⁻⁶⁴, if and only if the sets of texts are."""

    def take(self, kept: Ints) -> _Level:
        index = NgramIndex(self.ngrams, self.bounds, self.texts, 0)
        texts, bounds = index.texts_of(kept)
        return _Level(self.ngrams[kept], self.length, bounds, texts, self.score[kept], self.fingerprint[kept])

    def closed_under(self, longer: _Level) -> _Level:
        """Without the n-grams that one of the n-grams of one more character stands for."""
        frequency, of_longer = np.diff(self.bounds), np.diff(longer.bounds)
        is_covered = np.zeros(len(self.ngrams), dtype=bool)
        order = np.lexsort(self.ngrams[:, : self.length].T[::-1])
        known = _keys(self.ngrams[order, : self.length])
        for part in (longer.ngrams[:, : self.length], longer.ngrams[:, 1 : self.length + 1]):
            wanted = _keys(part)
            at = np.searchsorted(known, wanted)
            at[at == len(known)] = 0
            hit = known[at] == wanted if len(known) else np.zeros(len(wanted), dtype=bool)
            same = order[at[hit]]
            stands_for = of_longer[hit] >= 0.95 * frequency[same]
            is_covered[same[stands_for]] = True
        return self.take(np.flatnonzero(~is_covered))


def _keys(ngrams: Ints) -> npt.NDArray[np.void]:
    """(m,): each n-gram as one value, which sorts as its codes do, the first foremost."""
    flat = np.ascontiguousarray(ngrams.astype(">u4"))
    return flat.view(np.dtype((np.void, flat.shape[1] * 4))).ravel()


class _Builder:
    """Extends all frequent n-grams by one character at a time."""

    def __init__(self, texts: TrainingTexts, C: int, K: int, min_texts: int, max_characters: int) -> None:
        L = texts.codes.shape[1]
        self.n_texts = max(1, min(len(texts), max_characters // L))
        self._codes = np.ascontiguousarray(texts.codes[: self.n_texts]).ravel()
        self._labels = texts.labels[: self.n_texts]
        self._n_classes = texts.n_classes
        self._C, self._K, self._L = C, K, L
        self._min_texts = min_texts
        starts = np.flatnonzero(self._codes != C)
        self._starts = starts[starts % L <= L - K]
        self._ids: Ints = np.zeros(len(self._starts), dtype=np.int64)
        self._ngrams: Ints = np.zeros((1, 0), dtype=np.int64)
        self._random = np.random.default_rng(0).integers(0, 1 << 64, self.n_texts, dtype=np.uint64)

    def extend(self) -> None:
        """To the frequent n-grams of one more character."""
        length = self._ngrams.shape[1]
        following = self._codes[self._starts + length].astype(np.int64)
        inside = np.flatnonzero(following != self._C)
        key = self._ids[inside] * self._C + following[inside]
        frequent, new_id = self._frequent(key)
        kept = np.flatnonzero(new_id >= 0)
        self._starts, self._ids = self._starts[inside[kept]], new_id[kept]
        self._ngrams = np.column_stack([self._ngrams[frequent // self._C], frequent % self._C])

    def _frequent(self, key: Ints) -> tuple[Ints, Ints]:
        """The keys that occur often enough, ascending, and for each occurrence the rank of its key, or -1."""
        size = len(self._ngrams) * self._C
        if size <= min(_DENSE_KEYS, _SPARSE * len(key)):
            frequent = np.flatnonzero(np.bincount(key, minlength=size) >= self._min_texts)
            rank = np.full(size, -1, dtype=np.int64)
            rank[frequent] = np.arange(len(frequent))
            return frequent, rank[key]
        keys, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
        often = counts >= self._min_texts
        rank = np.where(often, np.cumsum(often) - 1, -1)
        return keys[often], rank[inverse]

    def level(self, is_wanted: bool) -> _Level:
        """The n-grams of the present length, each with its texts; none if this length is not wanted."""
        length = self._ngrams.shape[1]
        padded = np.full((len(self._ngrams), self._K), BLANK)
        padded[:, :length] = self._ngrams
        none = np.zeros(0, dtype=np.int64)
        if not is_wanted or not len(self._ids):
            empty = np.zeros(0, dtype=np.float64)
            return _Level(padded[:0], length, np.zeros(1, np.int64), none.astype(np.int32), empty, none.view(np.uint64))
        pair = self._ids * self.n_texts + self._starts // self._L
        pair.sort()
        pair = pair[np.concatenate([[True], pair[1:] != pair[:-1]])]
        ids, texts = np.divmod(pair, self.n_texts)
        frequency = np.bincount(ids, minlength=len(padded))
        bounds = np.concatenate([[0], np.cumsum(frequency)])
        fingerprint = np.add.reduceat(self._random[texts], bounds[:-1])
        level = _Level(padded, length, bounds, texts.astype(np.int32), self._chi2(ids, texts, frequency), fingerprint)
        return level.take(np.flatnonzero((frequency >= self._min_texts) & (frequency < self.n_texts)))

    def _chi2(self, ids: Ints, texts: Ints, frequency: Ints) -> Floats:
        """(P,): Pearson's χ² of presence and class."""
        k, n = self._n_classes, self.n_texts
        observed = np.bincount(ids * k + self._labels[texts], minlength=len(frequency) * k).reshape(-1, k)
        share = np.bincount(self._labels, minlength=k) / n
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = (observed - frequency[:, None] * share) ** 2 / share
            chi2 = deviation.sum(1, where=share > 0) / frequency * (n / (n - frequency))
        known: Floats = np.nan_to_num(chi2)
        return known


def _best(some: _Level | None, more: _Level, max_ngrams: int) -> _Level:
    """Of both, one n-gram (the longest) for each set of texts, and no more than `max_ngrams`: the highest scores."""
    if some is None:
        some = more.take(np.zeros(0, dtype=np.int64))
    both = _Level(
        ngrams=np.concatenate([more.ngrams, some.ngrams]),
        length=more.length,
        bounds=np.concatenate([more.bounds, more.bounds[-1] + some.bounds[1:]]),
        texts=np.concatenate([more.texts, some.texts]),
        score=np.concatenate([more.score, some.score]),
        fingerprint=np.concatenate([more.fingerprint, some.fingerprint]),
    )
    _, first = np.unique(both.fingerprint, return_index=True)
    kept = first[np.argsort(-both.score[first], kind="stable")[:max_ngrams]]
    return both.take(np.sort(kept))
