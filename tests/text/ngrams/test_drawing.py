from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlayer.errors import InputError
from tokenlayer.text.ngrams import drawing
from tokenlayer.text.ngrams.drawing import draw_ngrams, frequent_positions, occur_more_than


def counted(corpus, length):
    """The table of counts that drawing does without."""
    return Counter(tuple(corpus[i : i + length].tolist()) for i in range(len(corpus) - length + 1))


def english_like(n, seed=0):
    """Repeated words, and here and there a character that breaks the repetition."""
    rng = np.random.default_rng(seed)
    words = [rng.integers(0, 9, rng.integers(2, 7)) for _ in range(30)]
    order = rng.choice(30, n, p=1 / np.arange(1, 31) / (1 / np.arange(1, 31)).sum())
    corpus = np.concatenate([np.append(words[i], 9) for i in order])[:n]
    corpus[rng.random(n) < 0.02] = rng.integers(0, 12)
    return corpus.astype(np.uint8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def assert_drawn_from(drawn, probabilities):
    """A χ² test at five standard deviations, of a seeded draw; rare n-grams are pooled."""
    found = Counter(map(tuple, drawn.tolist()))
    assert found.keys() <= probabilities.keys()
    expected = {ngram: p * len(drawn) for ngram, p in probabilities.items()}
    bins = [(found[ngram], e) for ngram, e in expected.items() if e >= 5]
    rest = [(found[ngram], e) for ngram, e in expected.items() if e < 5]
    if rest:
        bins.append(tuple(map(sum, zip(*rest, strict=True))))
    chi2 = sum((f - e) ** 2 / e for f, e in bins)
    freedom = len(bins) - 1
    assert abs(chi2 - freedom) < 5 * (2 * freedom) ** 0.5 + 1


corpora = st.tuples(st.integers(1, 4), st.integers(1, 300), st.integers(0, 2**32 - 1)).map(
    lambda args: np.random.default_rng(args[2]).integers(0, args[0], args[1]).astype(np.uint8)
)


@given(corpora, st.integers(1, 40), st.integers(0, 4), st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_frequent_is_what_a_table_of_counts_says(corpus, length, times, data):
    length = min(length, len(corpus))
    counts = counted(corpus, length)
    frequent = [counts[tuple(corpus[i : i + length].tolist())] > times for i in range(len(corpus) - length + 1)]
    assert sorted(frequent_positions(corpus, length, times)) == list(np.flatnonzero(frequent))
    some = data.draw(st.lists(st.integers(0, len(frequent) - 1), min_size=1, max_size=20))
    positions = np.array(some, dtype=np.int64)
    assert occur_more_than(times, corpus, positions, length).tolist() == [frequent[i] for i in some]


@pytest.mark.parametrize("length", [1, 3, 8])
def test_pieces_and_parts_join_without_a_seam(length, monkeypatch):
    corpus = english_like(3000)
    positions = np.arange(len(corpus) - length + 1)
    whole = frequent_positions(corpus, length, 1), occur_more_than(1, corpus, positions, length)
    monkeypatch.setattr(drawing, "_PIECE", 64)
    monkeypatch.setattr(drawing, "_PART", 500)
    assert sorted(frequent_positions(corpus, length, 1)) == sorted(whole[0])
    np.testing.assert_array_equal(occur_more_than(1, corpus, positions, length), whole[1])
    assert whole[1].any()


def test_ngrams_of_equal_hash_are_told_apart(monkeypatch):
    """A hash function that fails: every character alike. The next one must be taken."""
    corpus = english_like(2000)
    expected = sorted(frequent_positions(corpus, 5, 1))
    positions = np.arange(100)
    known = occur_more_than(1, corpus, positions, 5)
    salts = []
    honest = drawing._Hashing.__init__

    def constant_at_first(self, length, salt):
        honest(self, length, salt)
        salts.append(salt)
        if salt == 0:
            self._values[:] = 1

    monkeypatch.setattr(drawing._Hashing, "__init__", constant_at_first)
    assert sorted(frequent_positions(corpus, 5, 1)) == expected
    np.testing.assert_array_equal(occur_more_than(1, corpus, positions, 5), known)
    assert salts == [0, 1, 0, 1]


@pytest.mark.parametrize("n", [40, 40_000])
def test_ngrams_are_drawn_by_their_count_among_the_frequent_ones(n):
    """A few from a long corpus come from random positions; many need the list of all that are frequent."""
    corpus, source = english_like(4000), generator()
    counts = {ngram: count for ngram, count in counted(corpus, 8).items() if count > 2}
    drawn = np.concatenate([draw_ngrams(corpus, 8, n, 2, source) for _ in range(40_000 // n)])
    total = sum(counts.values())
    assert_drawn_from(drawn, {ngram: count / total for ngram, count in counts.items()})


def test_rare_ngrams_are_found_though_most_positions_are_rejected():
    corpus = np.random.default_rng(0).integers(0, 200, 30_000).astype(np.uint8)
    corpus[[100, 9_000, 20_000]] = 201, 201, 202
    corpus[101:104] = corpus[9_001:9_004]
    assert draw_ngrams(corpus, 4, 20, 1, generator()).tolist() == [corpus[100:104].tolist()] * 20


def test_no_ngram_above_the_filter():
    corpus = np.arange(200, dtype=np.uint8)
    with pytest.raises(
        InputError, match=r"no n-gram of 3 characters occurs more than 1 times .*initializer\.filter_over"
    ):
        draw_ngrams(corpus, 3, 5, 1, generator())


def test_without_a_filter_every_position_counts():
    corpus = np.arange(50, dtype=np.uint8)
    drawn = draw_ngrams(corpus, 49, 200, 0, generator())
    assert {tuple(ngram) for ngram in drawn.tolist()} == {tuple(range(49)), tuple(range(1, 50))}


def test_drawing_none():
    assert draw_ngrams(english_like(100), 5, 0, 1).shape == (0, 5)


def test_a_generator_gives_the_same_ngrams_again():
    corpus = english_like(20_000)
    first, again, other = (draw_ngrams(corpus, 8, 30, 1, generator(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_memory_mapped_corpus_of_wide_codes(tmp_path):
    corpus = english_like(5000).astype(np.uint16) + 60_000
    np.save(tmp_path / "corpus.npy", corpus)
    mapped = np.load(tmp_path / "corpus.npy", mmap_mode="r")
    drawn = draw_ngrams(mapped, 6, 20, 1, generator(3))
    np.testing.assert_array_equal(drawn, draw_ngrams(corpus, 6, 20, 1, generator(3)))
    assert drawn.dtype == np.uint16
