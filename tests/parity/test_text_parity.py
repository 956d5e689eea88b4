"""One-hot text, and the distribution that the initializer draws from."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from golden_file import arrays, names

from tokenlayer.original.max_cover_initializer import PatternsInitializerMaxCover
from tokenlayer.original.patterns import discretise
from tokenlayer.text.alphabet import Alphabet, one_hot_str
from tokenlayer.text.ngrams.drawing import draw_ngrams, frequent_positions

ONE_HOT_CASES = range(len(json.loads(str(arrays()["one_hot_cases"]))))
NGRAM_LENGTHS = [int(length) for length in names("init_grams_")]
FILTER_OVER = 1


@pytest.mark.parametrize("i", ONE_HOT_CASES)
@pytest.mark.golden("one_hot_cases", "one_hot_{i}")
def test_one_hot(golden, i):
    text, chars = golden.json("one_hot_cases")[i]
    np.testing.assert_array_equal(one_hot_str(text, chars), golden[f"one_hot_{i}"])


def distribution(golden, length):
    return dict(zip(golden.json(f"init_grams_{length}"), golden[f"init_probs_{length}"], strict=True))


@pytest.mark.parametrize("length", NGRAM_LENGTHS)
@pytest.mark.golden("init_corpus", "init_grams_{length}", "init_probs_{length}")
def test_positions_to_draw_from_hold_each_ngram_in_proportion_to_its_probability(golden, length):
    corpus = golden.text("init_corpus")
    codes = Alphabet("".join(sorted(set(corpus)))).encode(corpus)
    positions = frequent_positions(codes, length, FILTER_OVER)
    ngrams = Counter(corpus[i : i + length] for i in positions)
    expected = distribution(golden, length)
    assert ngrams.keys() == expected.keys()
    for ngram, probability in expected.items():
        assert ngrams[ngram] / len(positions) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize("at_once", [20, 20_000])
@pytest.mark.parametrize("length", NGRAM_LENGTHS)
@pytest.mark.golden("init_corpus", "init_grams_{length}", "init_probs_{length}")
def test_drawn_ngrams_follow_the_distribution(golden, length, at_once):
    """A χ² test of a seeded draw. A few n-grams at once are drawn by position, many from the list of all."""
    corpus = golden.text("init_corpus")
    alphabet = Alphabet("".join(sorted(set(corpus))))
    codes, generator = alphabet.encode(corpus), torch.Generator().manual_seed(0)
    drawn = [draw_ngrams(codes, length, at_once, FILTER_OVER, generator) for _ in range(20_000 // at_once)]
    found = Counter(alphabet.decode(ngram) for ngram in np.concatenate(drawn))
    expected = distribution(golden, length)
    assert found.keys() <= expected.keys()
    p = np.array(list(expected.values()))
    n, k = 20_000, len(p)
    chi2 = (np.array([found[ngram] for ngram in expected]) - n * p) ** 2 / (n * p)
    variance = 2 * (k - 1) + ((1 / p).sum() - k**2 - 2 * k + 2) / n  # exact, rare n-grams included
    assert abs(chi2.sum() - (k - 1)) <= 5 * variance**0.5


@pytest.mark.golden("init_corpus", *(f"init_grams_{length}" for length in NGRAM_LENGTHS))
def test_initial_patterns_are_those_ngrams(golden):
    corpus = golden.text("init_corpus")
    chars = "".join(sorted(set(corpus)))
    initializer = PatternsInitializerMaxCover(
        corpus,
        chars,
        NGRAM_LENGTHS,
        FILTER_OVER,
        padding="blank",
        generator=torch.Generator().manual_seed(0),
    )
    patterns = initializer((len(chars), max(NGRAM_LENGTHS), 600))
    expected = {ngram for length in NGRAM_LENGTHS for ngram in golden.json(f"init_grams_{length}")}
    decoded = [pattern.rstrip("█") for pattern in discretise(patterns).decode(Alphabet(chars))]
    assert {len(pattern) for pattern in decoded} == set(NGRAM_LENGTHS)
    # Noise around 0.75 and 0.25 swaps two characters of a column about once in 7,000 columns.
    assert len([pattern for pattern in decoded if pattern not in expected]) <= 0.01 * len(decoded)
