"""From real-valued patterns to the tokens that they stand for, and back."""

import dense_oracle as oracle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from layer_cases import cases

from tokenlayer.layer.matching import match
from tokenlayer.original.gradients import sigma
from tokenlayer.original.patterns import discretise, one_hot, patterns_of
from tokenlayer.text.alphabet import BLANK, Alphabet


@given(cases())
@settings(max_examples=50, deadline=None)
def test_codes_blanks_and_ties_are_those_of_the_discretised_columns(case):
    vocabulary = discretise(torch.tensor(case.P))
    ones = oracle.discretised(case.P).sum(0).T  # (N, K): how many ones in each column
    first = np.where(ones > 0, case.P.argmax(0).T, BLANK)
    np.testing.assert_array_equal(vocabulary.codes.numpy(), first)
    np.testing.assert_array_equal(vocabulary.tied.numpy(), (ones > 1).any(1))
    np.testing.assert_array_equal(vocabulary.can_match.numpy(), ~(ones > 1).any(1))
    np.testing.assert_array_equal(vocabulary.all_blank.numpy(), (ones == 0).all(1))


@given(cases())
@settings(max_examples=30, deadline=None)
def test_one_hot_columns(case):
    one_hot_text = one_hot(torch.tensor(case.codes), case.C, torch.float64)
    np.testing.assert_array_equal(one_hot_text.numpy(), oracle.one_hot(case.codes, case.C))


def test_a_tie_never_matches_although_it_decodes():
    patterns = torch.zeros(4, 2, 1)
    patterns[:2, 0], patterns[1, 1] = 0.7, 0.9
    vocabulary = discretise(patterns)
    assert vocabulary.decode(Alphabet("abc ")) == ["ab"]
    assert len(match(torch.tensor([[0, 1], [1, 1]]), vocabulary, 4)) == 0
    patterns[0, 0] = 0.8
    assert len(match(torch.tensor([[0, 1], [1, 1]]), discretise(patterns), 4)) == 1


def test_decoding_shows_blanks_the_unknown_and_the_first_of_a_tie():
    alphabet = Alphabet("a<UNK>é")
    patterns = torch.zeros(3, 4, 1)
    patterns[0, 0] = patterns[1, 1] = patterns[2, 3] = patterns[1, 3] = 1
    assert discretise(patterns).decode(alphabet) == ["a\N{REPLACEMENT CHARACTER}█\N{REPLACEMENT CHARACTER}"]


def test_discretising_leaves_no_graph():
    patterns = torch.rand(3, 2, 4, requires_grad=True)
    assert not discretise(patterns).codes.requires_grad


def test_patterns_discretise_to_the_codes_they_are_made_of_if_they_have_to():
    codes = torch.randint(-1, 1000, (500, 6), generator=torch.Generator().manual_seed(0))
    vocabulary = discretise(patterns_of(codes, 1000, torch.Generator().manual_seed(1), exact=True))
    assert torch.equal(vocabulary.codes, codes)
    assert not vocabulary.tied.any()
    as_the_original = discretise(patterns_of(codes, 1000, torch.Generator().manual_seed(1)))
    assert 0 < (as_the_original.codes != codes).sum() < 60


def test_weights_are_the_originals_and_a_blank_never_gets_a_gradient():
    codes = torch.full((400, 5), 2)
    codes[:, 3:] = BLANK
    patterns = patterns_of(codes, 4, torch.Generator().manual_seed(0))
    assert patterns.dtype == torch.get_default_dtype()
    assert patterns[2, :3].mean() == pytest.approx(0.75, abs=0.01)
    assert patterns[[0, 1, 3], :3].mean() == pytest.approx(0.25, abs=0.01)
    assert patterns[2, :3].std() == pytest.approx(0.08, abs=0.01)
    assert (sigma(patterns)[:, 3:] == 0).all()
    assert (sigma(patterns)[:, :3] > 0).any()


def test_the_code_for_no_character_becomes_a_random_one():
    patterns = patterns_of(torch.full((500, 1), 4), 4, torch.Generator().manual_seed(0))
    assert patterns.max() < 0.6
    assert set(discretise(patterns).codes.flatten().tolist()) == {0, 1, 2, 3}


def test_the_generator_decides_the_weights_and_not_what_they_stand_for():
    codes = torch.tensor([[0, 2, BLANK], [1, BLANK, BLANK], [BLANK, 0, 1]])
    first, again, other = (patterns_of(codes, 3, torch.Generator().manual_seed(seed), exact=True) for seed in (0, 0, 1))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (first != other).any()
    assert torch.equal(discretise(first).codes, codes)
    assert torch.equal(discretise(other).codes, codes)
