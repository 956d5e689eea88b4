"""Counts of n-grams by class, and which stand in which texts, against counting by definition."""

import itertools

import numpy as np
import pytest
import torch

from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams.counts import count_ngrams
from tokenlayer.text.ngrams.presence import ngram_presence, tokens_read

C = 3  # codes 0, 1, 2; 3 means no character


def random_texts(n=60, L=14, n_classes=3, seed=0):
    draw = np.random.default_rng(seed)
    codes = draw.choice(C + 1, (n, L), p=[0.4, 0.3, 0.25, 0.05]).astype(np.uint8)
    for row, end in zip(codes, draw.integers(0, L + 1, n), strict=True):
        row[end:] = C
    return TrainingTexts(codes, draw.integers(0, n_classes, n), n_classes)


def matcher(row, ngram, K):
    return sum(tuple(row[t : t + len(ngram)]) == ngram for t in range(len(row) - K + 1))


def by_definition(texts, length, K, *, once):
    counts = {}
    for ngram in itertools.product(range(C), repeat=length):
        found = [0] * texts.n_classes
        for row, label in zip(texts.codes, texts.labels, strict=True):
            n = matcher(row, ngram, K)
            found[label] += min(n, 1) if once else n
        counts[ngram] = tuple(found)
    return counts


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_counts_are_those_of_the_definition(once, n_threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    texts, K, fewest = random_texts(), 5, 4
    counted = list(count_ngrams(texts, C, [1, 2, 3, 5], fewest, K, once=once))
    assert [level.ngrams.shape[1] for level in counted] == [1, 2, 3, 5]
    for level in counted:
        expected = by_definition(texts, level.ngrams.shape[1], K, once=once)
        found = dict(zip(map(tuple, level.ngrams.tolist()), map(tuple, level.counts.tolist()), strict=True))
        assert found == {ngram: counts for ngram, counts in expected.items() if sum(counts) >= fewest}
    assert len(counted[-1].ngrams) > 1, "nothing of the longest length was tested"


def test_a_ngram_is_redundant_where_a_shorter_one_within_it_says_the_same():
    #                       "ab" and "abc" in the same texts; "bc" in one more
    texts = TrainingTexts(
        np.array([[0, 1, 2, 3, 3], [2, 0, 1, 2, 3], [1, 2, 1, 2, 3]], np.uint8), np.array([0, 1, 1]), 2
    )
    levels = {level.ngrams.shape[1]: level for level in count_ngrams(texts, C, [1, 2, 3], 1, 3)}
    redundant = {tuple(g) for level in levels.values() for g in level.ngrams[level.redundant].tolist()}
    assert (0, 1) in redundant, "stands where 0 does"
    assert (0, 1, 2) in redundant
    assert (1, 2) in redundant, "stands where 1 does"
    assert redundant.isdisjoint({(0,), (1,), (2,), (2, 1)} - {(2, 1)})
    only_pairs = next(iter(count_ngrams(texts, C, [2], 1, 3)))
    assert not only_pairs.redundant.any(), "single characters are no candidates there"


def test_what_the_layer_does_not_see_is_not_counted():
    texts = TrainingTexts(np.array([[0, 0, 0, 1]], np.uint8), np.array([0]), 2)
    (level,) = count_ngrams(texts, C, [1], 1, 2)  # K = 2: the last position begins no window
    assert level.ngrams.tolist() == [[0]]


def test_texts_shorter_than_a_pattern():
    texts = TrainingTexts(np.zeros((2, 3), np.uint8), np.array([0, 1]), 2)
    assert all(len(level.ngrams) == 0 for level in count_ngrams(texts, C, [1, 2], 1, 5))
    assert ngram_presence(texts.codes, [np.array([0])], C, 5).bounds.tolist() == [0, 0]


def test_presence_is_that_of_the_definition():
    codes, K = random_texts().codes, 4
    ngrams = [np.array(ngram) for ngram in [(0,), (0, 1), (2, 1, 0), (1, 1), (0, 1, 2, 0), (2, 2, 2, 2)]]
    presence = ngram_presence(codes, ngrams, C, K)
    assert (len(presence), presence.n_texts) == (len(ngrams), len(codes))
    for p, ngram in enumerate(ngrams):
        expected = [i for i, row in enumerate(codes) if matcher(row, tuple(ngram), K)]
        assert presence.texts[presence.bounds[p] : presence.bounds[p + 1]].tolist() == expected
        windows = np.lib.stride_tricks.sliding_window_view(codes, K, axis=1)[:, :, : len(ngram)]
        assert presence.occurrences[p] == (windows == ngram).all(2).sum()
    assert presence.reads == pytest.approx(presence.occurrences / len(codes))
    assert np.diff(presence.bounds)[:4].all()


def test_tokens_that_are_read():
    codes, K = random_texts().codes, 4
    ngrams = [np.array(ngram) for ngram in [(0,), (0, 1), (2, 1, 0), (1, 1), (2, 2, 2, 2)]]
    presence, chosen = ngram_presence(codes, ngrams, C, K), np.array([3, 0, 1])
    counts = np.array([[matcher(row, tuple(ngrams[p]), K) for p in chosen] for row in codes])
    assert tokens_read(presence, chosen, None) == pytest.approx(counts.sum(1).mean())
    assert tokens_read(presence, chosen, 1000) == pytest.approx(counts.sum(1).mean())
    # The occurrences of each token are shared out among the texts that hold it.
    shared = (counts > 0) * counts.sum(0) / (counts > 0).sum(0)
    assert tokens_read(presence, chosen, 3) == pytest.approx(np.minimum(shared.sum(1), 3).mean())
    assert tokens_read(presence, chosen, 3) == pytest.approx(np.minimum(counts.sum(1), 3).mean(), rel=0.15)
    assert tokens_read(presence, chosen[:0], 3) == 0


def test_no_ngrams_at_all():
    presence = ngram_presence(random_texts(n=5).codes, [], C, 2)
    assert presence.bounds.tolist() == [0]
    assert (len(presence), presence.n_texts) == (0, 5)
