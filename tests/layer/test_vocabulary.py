import numpy as np
import pytest
import torch

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.text.alphabet import BLANK, Alphabet

TOKENS = Vocabulary(torch.tensor([[0, 1, 2], [2, 2, 2], [BLANK, 0, BLANK], [BLANK, BLANK, BLANK]]))


def test_a_vocabulary_knows_its_shape_and_its_blanks():
    assert (TOKENS.vocab_size, TOKENS.max_token_length) == (4, 3)
    assert TOKENS.all_blank.tolist() == [False, False, False, True]
    assert TOKENS.can_match.tolist() == [True] * 4


def test_decoding_shows_blanks_and_the_unknown():
    assert TOKENS.decode(Alphabet("abc")) == ["abc", "ccc", "█a█", "███"]
    assert TOKENS.decode(Alphabet("a<UNK>é"))[0] == "a\N{REPLACEMENT CHARACTER}é"


def test_ngrams_are_followed_by_blanks():
    ngrams = [np.array([0, 2]), np.array([1]), np.array([BLANK, 0, 1]), np.array([], dtype=np.int64)]
    vocabulary = Vocabulary.of_ngrams(ngrams, 4)
    assert vocabulary.codes.dtype == torch.int64
    assert vocabulary.decode(Alphabet("abc")) == ["ac██", "b███", "█ab█", "████"]


def test_an_ngram_that_is_too_long():
    with pytest.raises(ValueError, match="3 codes does not fit into 2 columns"):
        Vocabulary.of_ngrams([np.array([0]), np.array([0, 1, 2])], 2)


def test_a_blank_vocabulary():
    vocabulary = Vocabulary.blank(5, 3)
    assert (vocabulary.vocab_size, vocabulary.max_token_length) == (5, 3)
    assert vocabulary.all_blank.all()


@pytest.mark.parametrize("kind", [list, torch.tensor])
def test_some_tokens_in_the_order_given(kind):
    assert TOKENS.take(kind([2, 0])).decode(Alphabet("abc")) == ["█a█", "abc"]
