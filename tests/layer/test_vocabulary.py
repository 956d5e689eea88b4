import dense_oracle as oracle
import numpy as np
import torch
from hypothesis import given, settings
from layer_cases import cases

from tokenlayer.layer.vocabulary import BLANK, discretise, one_hot
from tokenlayer.text.alphabet import Alphabet


@given(cases())
@settings(max_examples=50, deadline=None)
def test_codes_blanks_and_ties_are_those_of_the_discretised_columns(case):
    vocabulary = discretise(torch.tensor(case.P))
    ones = oracle.discretised(case.P).sum(0).T  # (N, K): how many ones in each column
    first = np.where(ones > 0, case.P.argmax(0).T, BLANK)
    np.testing.assert_array_equal(vocabulary.codes.numpy(), first)
    np.testing.assert_array_equal(vocabulary.never.numpy(), (ones > 1).any(1))
    np.testing.assert_array_equal(vocabulary.all_blank.numpy(), (ones == 0).all(1))


@given(cases())
@settings(max_examples=30, deadline=None)
def test_one_hot_columns(case):
    one_hot_text = one_hot(torch.tensor(case.codes), case.C, torch.float64)
    np.testing.assert_array_equal(one_hot_text.numpy(), oracle.one_hot(case.codes, case.C))


def test_decode_shows_blanks_the_unknown_and_the_first_of_a_tie():
    alphabet = Alphabet("a<UNK>é")
    patterns = torch.zeros(3, 4, 1)
    patterns[0, 0] = patterns[1, 1] = patterns[2, 3] = patterns[1, 3] = 1
    assert discretise(patterns).decode(alphabet) == ["a\N{REPLACEMENT CHARACTER}█\N{REPLACEMENT CHARACTER}"]


def test_decode_of_many_patterns():
    alphabet = Alphabet("abc")
    codes = torch.tensor([[0, 1, 2], [2, 2, 2], [BLANK, 0, BLANK]])
    patterns = torch.nn.functional.one_hot(codes.clamp(min=0), 3).permute(2, 1, 0) * (codes.T != BLANK)
    assert discretise(patterns.float()).decode(alphabet) == ["abc", "ccc", "█a█"]


def test_discretising_leaves_no_graph():
    patterns = torch.rand(3, 2, 4, requires_grad=True)
    assert not discretise(patterns).codes.requires_grad
