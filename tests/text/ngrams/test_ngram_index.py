"""The index of n-grams against a definition that looks at every window of every text."""

import numpy as np
import pytest
import torch

from tokenlayer.selection.chi2 import chi_squared
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams import index
from tokenlayer.text.ngrams.index import NgramIndex, index_ngrams

C, L, K = 4, 14, 5
EVERY = 10**9


def random_texts(seed: int, n: int = 60, n_classes: int = 2) -> TrainingTexts:
    """Words of a small lexicon, so that some n-grams stand for others; padding behind them, and holes within."""
    random = np.random.default_rng(seed)
    lexicon = [random.integers(0, C, length) for length in (1, 2, 3, 4, 6)]
    codes = np.full((n, L), C, dtype=np.uint8)
    for row in codes:
        text = np.concatenate([lexicon[i] for i in random.choice(len(lexicon), 6, p=[0.1, 0.2, 0.2, 0.2, 0.3])])
        length = int(random.integers(2, L + 1))
        row[:length] = np.resize(text, length)
        row[random.random(L) < 0.05] = C
    return TrainingTexts(codes, random.integers(0, n_classes, n), n_classes)


def sets_of_texts(texts: TrainingTexts, length: int, K: int) -> dict[tuple[int, ...], frozenset[int]]:
    """The texts of every n-gram that begins where a window of K characters has room."""
    found: dict[tuple[int, ...], set[int]] = {}
    for b, row in enumerate(texts.codes.tolist()):
        for t in range(len(row) - K + 1):
            ngram = tuple(row[t : t + length])
            if C not in ngram:
                found.setdefault(ngram, set()).add(b)
    return {ngram: frozenset(members) for ngram, members in found.items()}


def chi2(members: frozenset[int], texts: TrainingTexts) -> float:
    holds = np.isin(np.arange(len(texts)), list(members))
    observed = np.array([[(holds == side)[texts.labels == c].sum() for c in set(texts.labels)] for side in (0, 1)])
    expected = observed.sum(1, keepdims=True) * observed.sum(0, keepdims=True) / len(texts)
    return float(((observed - expected) ** 2 / expected).sum())


def slow_index(
    texts: TrainingTexts, lengths: list[int], min_texts: int, K: int = K
) -> dict[frozenset[int], tuple[int, ...]]:
    """The longest n-gram of each set of texts, of the n-grams that no n-gram of one more character stands for."""
    levels = {
        length: {
            ngram: members
            for ngram, members in sets_of_texts(texts, length, K).items()
            if min_texts <= len(members) < len(texts)
        }
        for length in lengths
    }
    kept: dict[frozenset[int], tuple[int, ...]] = {}
    for length in sorted(lengths):
        longer = levels.get(length + 1, {})
        for ngram, members in sorted(levels[length].items(), reverse=True):
            is_covered = any(
                ngram in (other[:-1], other[1:]) and len(theirs) >= 0.95 * len(members)
                for other, theirs in longer.items()
            )
            if not is_covered:
                kept[members] = ngram
    return kept


def indexed(texts: TrainingTexts, lengths: list[int], min_texts: int, **bounds: int) -> NgramIndex:
    limits = {"max_ngrams": EVERY, "max_characters": EVERY} | bounds
    return index_ngrams(texts, C, lengths, K, chi_squared, min_texts=min_texts, **limits)


def as_sets(index: NgramIndex) -> dict[frozenset[int], tuple[int, ...]]:
    found = {}
    for q, ngram in enumerate(index.ngrams.tolist()):
        members = index.texts[index.bounds[q] : index.bounds[q + 1]].tolist()
        assert members == sorted(set(members))
        length = ngram.index(-1) if -1 in ngram else len(ngram)
        assert set(ngram[length:]) <= {-1}
        found[frozenset(members)] = tuple(ngram[:length])
    assert len(found) == len(index)  # one n-gram for each set of texts
    return found


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize(("lengths", "min_texts"), [([1, 2, 3, 4, 5], 1), ([2, 3, 4, 5], 3), ([2, 4], 3), ([3], 5)])
@pytest.mark.parametrize("seed", range(4))
def test_texts_of_the_ngrams_that_are_kept(
    seed: int, lengths: list[int], min_texts: int, n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    texts = random_texts(seed)
    expected = slow_index(texts, lengths, min_texts)
    index = indexed(texts, lengths, min_texts)
    assert as_sets(index) == expected
    assert index.frequency.tolist() == [len(members) for members in as_sets(index)]
    assert index.n_texts == len(texts)
    assert len(expected) > 2


def test_some_ngrams_stand_for_others() -> None:
    """Otherwise the comparison above would show nothing of it."""
    texts = random_texts(0)
    all_ngrams = [ngram for length in (2, 3, 4, 5) for ngram in sets_of_texts(texts, length, K)]
    assert 3 * len(slow_index(texts, [2, 3, 4, 5], 1)) < 2 * len(all_ngrams)


def test_a_ngram_counts_only_where_a_pattern_has_room() -> None:
    codes = np.full((6, L), 0, dtype=np.uint8)
    codes[:3, L - K : L - K + 2] = 1, 2  # begins at the last window
    codes[3:, L - K + 1 : L - K + 3] = 1, 2  # begins behind it
    index = indexed(TrainingTexts(codes, np.arange(6) % 2, 2), [2], 1)
    assert as_sets(index)[frozenset({0, 1, 2})] in {(1, 2), (0, 1)}
    assert all(not members & {3, 4, 5} or ngram[0] == 0 for members, ngram in as_sets(index).items())


@pytest.mark.parametrize("n_classes", [2, 3])
def test_screened_are_those_that_tell_least_of_the_class(n_classes: int) -> None:
    texts = random_texts(1, n_classes=n_classes)
    scores = {members: chi2(members, texts) for members in slow_index(texts, [2, 3, 4], 2)}
    for size in (1, 5, 12):
        kept = as_sets(indexed(texts, [2, 3, 4], 2, max_ngrams=size))
        assert len(kept) == size
        best = sorted(scores.values())[-size:]
        assert sorted(scores[members] for members in kept) == pytest.approx(best)


def test_a_bound_on_characters_takes_the_first_texts() -> None:
    texts = random_texts(2)
    first = TrainingTexts(texts.codes[:25], texts.labels[:25], 2)
    index = indexed(texts, [2, 3], 2, max_characters=25 * L + 3)
    assert index.n_texts == 25
    assert as_sets(index) == slow_index(first, [2, 3], 2)


def test_a_class_that_no_text_has() -> None:
    texts = random_texts(3)
    absent = TrainingTexts(texts.codes, texts.labels, 5)
    assert as_sets(indexed(absent, [2, 3], 2)) == as_sets(indexed(texts, [2, 3], 2))


@pytest.mark.parametrize(
    "codes",
    [
        np.full((5, L), C, dtype=np.uint8),
        np.full((5, K - 1), 0, dtype=np.uint8),
        np.zeros((5, L), dtype=np.uint8),
        np.eye(5, L, dtype=np.uint8),
    ],
    ids=["nothing but padding", "shorter than a pattern", "all alike", "nothing often enough"],
)
def test_nothing_to_index(codes: np.ndarray) -> None:
    index = indexed(TrainingTexts(codes, np.arange(5) % 2, 2), [2, 3], 5)
    assert len(index) == 0
    assert index.ngrams.shape == (0, K)
    assert index.sums(np.ones(index.n_texts)).shape == (0,)
    texts, bounds = index.texts_of(np.zeros(0, dtype=np.int64))
    assert (texts.tolist(), bounds.tolist()) == ([], [0])


def test_sums_and_texts_of_some_ngrams() -> None:
    index = indexed(random_texts(4), [2, 3, 4], 2)
    values = np.random.default_rng(0).normal(size=index.n_texts).astype(np.float32)
    members = [index.texts[index.bounds[q] : index.bounds[q + 1]] for q in range(len(index))]
    np.testing.assert_allclose(index.sums(values), [values[texts].astype(np.float64).sum() for texts in members])
    for some in (np.array([5, 0, 5, len(index) - 1]), np.arange(len(index)), np.arange(len(index))[::-1]):
        texts, bounds = index.texts_of(some)
        assert len(bounds) == len(some) + 1
        for i, q in enumerate(some):
            np.testing.assert_array_equal(texts[bounds[i] : bounds[i + 1]], members[q])


def test_its_arrays_are_all_of_it() -> None:
    index = indexed(random_texts(5), [2, 3], 2)
    again = NgramIndex.of_arrays(index.arrays())
    assert as_sets(again) == as_sets(index)
    assert again.n_texts == index.n_texts


def test_patterns_are_found_in_it() -> None:
    index = indexed(random_texts(6), [1, 2, 3, 4], 2)
    some = np.array([7, 0, len(index) - 1, 7])
    patterns = np.concatenate([index.ngrams[some], [[-1] * K, [0, -1, 1, -1, -1], [3] * K]])
    assert index.find(patterns).tolist() == [*some.tolist(), -1, -1, -1]
    assert index.find(index.ngrams).tolist() == list(range(len(index)))
    empty = indexed(random_texts(6), [2], 1000)
    assert empty.find(patterns).tolist() == [-1] * len(patterns)


def test_many_classes_are_counted_in_several_walks(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    texts = TrainingTexts(random.integers(0, 5, (300, 20)).astype(np.uint8), random.integers(0, 100, 300), 100)
    bounds = {"min_texts": 3, "max_ngrams": 50, "max_characters": 100_000}
    once = index_ngrams(texts, 5, [1, 2, 3], 4, chi_squared, **bounds)
    monkeypatch.setattr(index, "_COUNTS", 700)
    walks = index_ngrams(texts, 5, [1, 2, 3], 4, chi_squared, **bounds)
    assert {name: array.tolist() for name, array in once.arrays().items()} == {
        name: array.tolist() for name, array in walks.arrays().items()
    }
