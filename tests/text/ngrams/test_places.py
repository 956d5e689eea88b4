"""The places of n-grams against looking at every window."""

import itertools

import numpy as np
import pytest
import torch

from tokenlayer.text.ngrams import places as module
from tokenlayer.text.ngrams.levels import Level, frequent_ngrams
from tokenlayer.text.ngrams.places import Places
from tokenlayer.text.ngrams.presence import ngram_presence

C, L, K = 3, 40, 11
EVERY = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.int64)


def periodic_texts(n: int = 50, seed: int = 0) -> np.ndarray:
    """Texts in which long n-grams are frequent: each repeats one of few words; holes within, padding behind."""
    random = np.random.default_rng(seed)
    words = [random.integers(0, C, 7) for _ in range(4)]
    codes = np.array([np.resize(words[random.integers(4)], L) for _ in range(n)])
    codes[random.random((n, L)) < 0.03] = C
    for row, end in zip(codes, random.integers(0, L + 1, n), strict=True):
        row[end:] = C
    return codes


def windows_of(codes: np.ndarray, length: int) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    """The text and the position, in their order, of every n-gram."""
    found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for b, t in itertools.product(range(len(codes)), range(L - K + 1)):
        ngram = tuple(codes[b, t : t + length].tolist())
        if C not in ngram:
            found.setdefault(ngram, []).append((b, t))
    return found


def as_windows(ngrams: np.ndarray, places: Places) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    pieces = [places.positions[first : first + n] for first, n in zip(places.first, places.number, strict=True)]
    split = [[divmod(int(place), 1 << places.bits) for place in piece] for piece in pieces]
    return dict(zip(map(tuple, ngrams.tolist()), split, strict=True))


@pytest.mark.parametrize("dtype", EVERY, ids=str)
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("most", [module._MOST, 1])
def test_places_of_frequent_ngrams(dtype: np.dtype, n_threads: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    monkeypatch.setattr(module, "_MOST", most)  # 1: places have 64 bits
    codes, fewest = periodic_texts().astype(dtype), 5
    n_frequent = 0
    for level in frequent_ngrams(codes, C, K, K, fewest):
        every = windows_of(codes, level.places.length)
        expected = {ngram: where for ngram, where in every.items() if len({b for b, _ in where}) >= fewest}
        assert as_windows(level.ngrams, level.places) == expected
        assert list(map(tuple, level.ngrams.tolist())) == sorted(expected)
        assert level.places.n_texts().tolist() == [len({b for b, _ in expected[g]}) for g in sorted(expected)]
        n_frequent += len(expected)
    assert level.places.length == K
    assert len(level.ngrams) > 5, "nothing of the longest length was tested"
    assert level.places.positions.dtype == (np.int64 if most == 1 else np.int32)
    assert n_frequent < sum(len(windows_of(codes, length)) for length in range(1, K + 1)), "all were frequent"


def test_beginnings_and_endings() -> None:
    shorter: Level | None = None
    for level in frequent_ngrams(periodic_texts().astype(np.uint8), C, K, K, 5):
        if shorter is not None:
            known = shorter.ngrams.tolist()
            assert [known[q] for q in level.beginning] == level.ngrams[:, :-1].tolist()
            endings = [known.index(ngram[1:]) if ngram[1:] in known else -1 for ngram in level.ngrams.tolist()]
            assert level.ending.tolist() == endings
        shorter = level


@pytest.mark.parametrize("dtype", EVERY, ids=str)
@pytest.mark.parametrize("n_threads", [1, 3])
def test_places_of_given_ngrams(dtype: np.dtype, n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    codes = periodic_texts(seed=1).astype(dtype)
    random = np.random.default_rng(2)
    known = [list(windows_of(codes, length)) for length in range(1, K + 1)]
    wanted = [ngrams[i] for ngrams in known for i in random.choice(len(ngrams), min(len(ngrams), 6), replace=False)]
    wanted += [(0, 0, 0, 0, 0, 0, 1, 2), (0, C, C)]  # a code that is no character is found as any other
    order = random.permutation(len(wanted))
    ngrams = [np.array(wanted[i]) for i in order]
    presence = ngram_presence(codes, ngrams, C, K)
    for p, ngram in enumerate(ngrams):
        places = [
            b
            for b, t in itertools.product(range(len(codes)), range(L - K + 1))
            if (codes[b, t : t + len(ngram)] == ngram).all()
        ]
        assert presence.texts[presence.bounds[p] : presence.bounds[p + 1]].tolist() == sorted(set(places))
        assert presence.occurrences[p] == len(places)
    assert len(presence) == len(ngrams)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("sizes", [[], [3], [0, 0], [5, 1, 0, 9, 2, 2], [1] * 50])
def test_runs_are_all_of_it_in_order(sizes: list[int], n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    runs = module._runs(np.array(sizes, dtype=np.int64))
    assert [q for run in runs for q in range(run.start, run.stop)] == list(range(len(sizes)))
    if len(sizes) == 50:
        assert len(runs) == (1 if n_threads == 1 else 4 * n_threads)
