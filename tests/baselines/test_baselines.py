"""The baselines: their features by hand, their classifiers on texts with a known answer."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tokenlayer.baselines.nbsvm import NbsvmBaseline, NbsvmConfig, log_count_ratio
from tokenlayer.baselines.tfidf import TfidfBaseline, TfidfConfig, normalised
from tokenlayer.baselines.words import WordCounter
from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet

ALPHABET = Alphabet("ab c")
BOTH = pytest.mark.parametrize("config", [TfidfConfig(), NbsvmConfig()], ids=["tfidf", "nbsvm"])


def encoded(*texts, length=10):
    codes = np.full((len(texts), length), ALPHABET.none_code, ALPHABET.dtype)
    for row, text in zip(codes, texts, strict=True):
        row[: len(text)] = ALPHABET.encode(text[:length])
    return codes


def planted(n=300, n_classes=2, n_features=40, seed=0):
    """Counts in which the first `n_classes` features tell the class, and every text has one in five of the others."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, n_classes, n)
    counts = draw.poisson(0.2, (n, n_features))
    counts[:, :n_classes] = np.eye(n_classes, dtype=np.int64)[labels] * (draw.random(n) < 0.8)[:, None]
    return csr_matrix(counts.astype(np.int32)), labels


def test_runs_of_words_are_counted():
    counter = WordCounter(ALPHABET, longest_run=2, min_texts=1)
    counts = counter.fit(encoded("ab  c ab", "c"))
    names = [
        " ".join("ab c"[ord(sign) - 0xF0000] for sign in word)
        for word in counter._counter.get_feature_names_out()
        if " " not in word
    ]
    assert sorted(names) == ["a b", "c"]
    assert counts.shape == (2, 4), "ab, c, ab c, c ab"
    assert sorted(counts.toarray()[0].tolist()) == [1, 1, 1, 2]
    assert counts.toarray()[1].sum() == 1


def test_words_that_the_training_texts_do_not_hold_count_nowhere():
    counter = WordCounter(ALPHABET, 1, 2)
    assert counter.fit(encoded("ab c", "c", "ab", "abc")).shape == (4, 2)
    assert counter(encoded("abc ab", "", "c cé")).toarray().sum(1).tolist() == [1, 0, 2]


def test_nothing_to_count():
    with pytest.raises(InputError, match=r"no word stands in 5 training texts .*baseline\.min_texts"):
        WordCounter(ALPHABET, 1, 5).fit(encoded("ab"))
    with pytest.raises(InputError, match="has no space"):
        WordCounter(Alphabet("ab"), 1, 1)


def test_the_log_count_ratio_by_hand():
    presence = csr_matrix(np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1]]))
    # In the class: 2, 0, 1 texts; in the others: 0, 1, 1. One is added to each.
    expected = [math.log(3 / 6 / (1 / 5)), math.log(1 / 6 / (2 / 5)), math.log(2 / 6 / (2 / 5))]
    assert log_count_ratio(presence, np.array([True, True, False]), 1.0) == pytest.approx(expected)


def test_nbsvm_reads_presence_not_counts():
    counts, labels = planted()
    once, often = NbsvmBaseline(2, 1.0, 0), NbsvmBaseline(2, 1.0, 0)
    once.prepare(counts, labels)
    often.prepare(counts * 7, labels)
    once.fit(0.1)
    often.fit(0.1)
    assert once.probabilities(counts) == pytest.approx(often.probabilities(counts * 3))


def test_tfidf_weighs_by_idf_and_length():
    counts, labels = planted()
    baseline = TfidfBaseline(2, 0)
    baseline.prepare(counts, labels)
    assert np.linalg.norm(baseline._features.toarray(), axis=1)[counts.sum(1).A1 > 0] == pytest.approx(1)
    held = (counts.toarray() > 0).sum(0)
    idf = np.log((1 + 300) / (1 + held)) + 1
    raw = np.where(counts.toarray() > 0, 1 + np.log(np.maximum(counts.toarray(), 1)), 0) * idf
    row = np.flatnonzero(raw.any(1))[0]
    assert baseline._features.toarray()[row] == pytest.approx(raw[row] / np.linalg.norm(raw[row]))


@BOTH
@pytest.mark.parametrize("n_classes", [2, 4])
def test_it_finds_what_tells_the_classes_apart(config, n_classes):
    baseline = config.build(n_classes, seed=0)
    baseline.prepare(*planted(n_classes=n_classes))
    baseline.fit(config.strengths[-1])
    counts, labels = planted(n_classes=n_classes, seed=1)
    probabilities = baseline.probabilities(counts)
    assert probabilities.shape == (300, n_classes)
    assert probabilities.sum(1) == pytest.approx(1)
    assert (probabilities.argmax(1) == labels).mean() > (0.85 if n_classes == 2 else 0.8)
    assert (probabilities.argmax(1) == np.random.default_rng(0).permutation(labels)).mean() < 0.7


def test_probabilities_that_are_all_zero():
    assert normalised([np.zeros(2), np.zeros(2), np.array([0.0, 0.5])])[1].tolist() == [0, 0, 1]
    assert np.isfinite(normalised([np.zeros(1)] * 3)).all()


@BOTH
def test_settings_that_cannot_work(config):
    assert list(config.problems()) == []
    wrong = type(config)(longest_run=0, min_texts=0, strengths=[])
    assert [name for name, _ in wrong.problems()] == ["longest_run", "min_texts", "strengths"]
    assert [name for name, _ in NbsvmConfig(smoothing=0).problems()] == ["smoothing"]
