"""Token quality against what its definitions say, counted by hand in plain Python."""

import math
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlayer.layer import quality
from tokenlayer.layer.matching import match
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.text.alphabet import BLANK

C, K, L = 4, 4, 30
_ = BLANK
DEAD = [3, 2, 2, 2]  # no text holds the character 3
CODES = [[0, 1, _, _], [0, _, 1, _], [_, 1, 1, _], [0, 1, 2, 0], [_, _, _, _], DEAD, [_, 0, _, _], [0, 1, 2, _]]


def tokenized(texts, codes):
    vocabulary = Vocabulary(torch.tensor(codes))
    return Tokenized(texts, vocabulary, match(texts, vocabulary, C))


@pytest.fixture
def texts():
    codes = torch.randint(0, 3, (9, L), generator=torch.Generator().manual_seed(3))
    codes[:4, 22:] = C  # padding
    codes[5, 7] = C  # a character outside the alphabet
    return codes


def places(texts, pattern):
    """All (text, position) where the pattern occurs, by comparing."""
    blank = all(code == BLANK for code in pattern)
    found = []
    for b, text in enumerate(texts.tolist()):
        for t in range(L if blank else L - K + 1):
            if all(code in (BLANK, text[t + k]) for k, code in enumerate(pattern) if t + k < L):
                found.append((b, t))
    return found


def brute_force(texts, codes):
    found = [places(texts, pattern) for pattern in codes]
    characters = {(b, t) for b, text in enumerate(texts.tolist()) for t, code in enumerate(text) if code != C}
    under = set()
    for pattern, matches in zip(codes, found, strict=True):
        columns = [k for k, code in enumerate(pattern) if code != BLANK]
        for b, t in matches if columns else ():
            under |= {(b, t + k) for k in range(columns[0], columns[-1] + 1)}
    sets = [{b for b, _ in matches} for matches in found if matches]
    largest = [
        max(len(one & other) / len(one | other) for j, other in enumerate(sets) if j != i) for i, one in enumerate(sets)
    ]
    counts = [len(matches) for matches in found]
    power = sum((count / sum(counts)) ** 2.5 for count in counts)
    return {
        "dead_rate": counts.count(0) / len(codes),
        "always_on_rate": sum(len(characters & set(m)) > len(characters) / 2 for m in found) / len(codes),
        "coverage": len(under & characters) / len(characters),
        "redundancy": sum(largest) / len(largest),
        "renyi_efficiency": math.log2(power) / (1 - 2.5) / math.log2(len(codes)),
    }


@pytest.mark.parametrize("batch", [9, 4, 1])
def test_every_figure_is_what_counting_gives(texts, batch):
    meter = quality.QualityMeter(len(CODES), C)
    for part in texts.split(batch):
        meter.update(tokenized(part, CODES))
    expected = brute_force(texts, CODES)
    assert meter.compute() == pytest.approx(expected)
    assert expected["dead_rate"] == 1 / 8
    assert expected["always_on_rate"] == 1 / 8
    assert 0 < expected["coverage"] < 1
    assert 0 < expected["redundancy"] < 1


def test_tensors_and_the_walk_add_up_to_the_same(texts):
    tokens = tokenized(texts, CODES)
    walked, by_tensors = (quality.QualityMeter(len(CODES), C) for _ in range(2))
    walked.update(tokens)
    holds = torch.zeros_like(walked._holds[0])
    sums = by_tensors._add_tensors(tokens, *quality.extents(tokens.vocabulary), holds)
    assert sums == (walked._characters, walked._covered)
    assert torch.equal(holds, walked._holds[0])
    assert torch.equal(by_tensors._matches, walked._matches)
    assert torch.equal(by_tensors._on_characters, walked._on_characters)


def test_dead_tokens_lower_the_efficiency_and_nothing_else_does_at_equal_counts(texts):
    assert quality.renyi_efficiency(torch.tensor([5, 5, 5, 5])) == pytest.approx(1)
    assert quality.renyi_efficiency(torch.tensor([5, 5, 0, 0])) == pytest.approx(0.5)
    assert quality.renyi_efficiency(torch.tensor([0, 0, 0])) == 0
    assert quality.renyi_efficiency(torch.tensor([7])) == 1


def test_tokens_that_match_nowhere_have_no_overlap(texts):
    meter = quality.QualityMeter(2, C)
    meter.update(tokenized(texts, [DEAD, [3, _, _, _]]))
    figures = meter.compute()
    assert figures == {
        "dead_rate": 1.0,
        "always_on_rate": 0.0,
        "coverage": 0.0,
        "redundancy": 0.0,
        "renyi_efficiency": 0.0,
    }


@given(st.integers(0, 60), st.integers(1, 30), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_overlaps_are_the_same_by_a_walk_and_by_products(n, N, share, seed):
    holds = torch.rand(n, N, generator=torch.Generator().manual_seed(seed)) < share
    sets = [set(holds[:, token].nonzero().flatten().tolist()) for token in range(N)]
    live = [texts for texts in sets if texts]
    largest = [max((len(a & b) / len(a | b) for b in live if b is not a), default=0) for a in live]
    for products_in_a_step in (0, 1 << 40):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(quality, "_PRODUCTS_IN_A_STEP", products_in_a_step)
            assert quality.redundancy(holds) == pytest.approx(sum(largest) / max(len(live), 1), rel=1e-6)


def test_overlaps_beyond_one_chunk(monkeypatch):
    monkeypatch.setattr(quality, "_PRODUCTS_IN_A_STEP", 1 << 40)
    holds = torch.rand(40, 25, generator=torch.Generator().manual_seed(0)) < 0.3
    whole = quality.redundancy(holds)
    monkeypatch.setattr(quality, "_TOKENS_AT_ONCE", 4)
    assert quality.redundancy(holds) == whole


def test_turnover_counts_patterns_not_characters():
    before = torch.tensor([[0, 1], [1, 1], [2, 0], [1, _]])
    after = torch.tensor([[0, 1], [2, 2], [2, 1], [1, _]])
    assert quality.turnover(before, after) == 0.5


def test_stability_is_the_mean_overlap_of_pairs_flanking_blanks_aside():
    vocabularies = [["ab██", "b█c█", "c███"], ["ab", "b█c"], ["ab█", "dd█", "█c"]]
    sets = [{"ab", "b█c", "c"}, {"ab", "b█c"}, {"ab", "dd", "c"}]
    expected = [len(one & other) / len(one | other) for one, other in combinations(sets, 2)]
    assert quality.stability(vocabularies) == pytest.approx(sum(expected) / 3)
    assert quality.stability([["a"], ["a"]]) == 1
    with pytest.raises(ValueError, match="at least two"):
        quality.stability([["a"]])


def test_what_is_no_character_counts_for_nothing() -> None:
    """A blank accepts it: before, between and behind the characters of a token."""
    texts = torch.tensor([[C, 0, C, 0, C, 0, C, 0, 1, 1]])
    meter = quality.QualityMeter(1, C)
    meter.update(tokenized(texts, [[_, 0]]))
    assert meter.compute()["always_on_rate"] == 0.0, "it begins at four places, none of which holds a character"
    meter = quality.QualityMeter(1, C)
    meter.update(tokenized(texts, [[0, _, 0]]))
    assert meter.compute()["coverage"] == 4 / 6
