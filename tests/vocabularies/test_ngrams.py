"""From chosen n-grams to a vocabulary, and from a vocabulary into a layer."""

import numpy as np
import pytest
import torch
from initializer_contexts import decoded, initializer_context

from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.text.alphabet import BLANK, Alphabet
from tokenlayer.vocabularies.characters import CharactersConfig
from tokenlayer.vocabularies.ngrams import check_corpus, check_fit, length_problems, vocabulary_of

ABC = Alphabet("abc")
NGRAMS = [np.array(ngram) for ngram in ([0, 2], [1], [BLANK, 0, 1])]


def test_blanks_follow_an_ngram():
    vocabulary = vocabulary_of(NGRAMS, initializer_context(ABC, 3, 4), "give more")
    assert vocabulary.decode(ABC) == ["ac██", "b███", "█ab█"]


def test_fewer_ngrams_than_tokens():
    with pytest.raises(InputError, match=r"model\.vocab_size=4, but there are only 3 such tokens: give more"):
        vocabulary_of(NGRAMS, initializer_context(ABC, 4, 4), "give more")


@pytest.mark.parametrize("lengths", [(), (0, 3), (-1,)])
def test_lengths_that_cannot_be(lengths):
    assert [field for field, _ in length_problems(lengths)] == ["ngram_lengths"]
    assert list(length_problems((1, 3))) == []


def test_ngrams_that_fit_neither_corpus_nor_tokens():
    check_corpus((2, 5), 5)
    with pytest.raises(InputError, match=r"4 characters, fewer than the longest n-gram \(5\).*ngram_lengths"):
        check_corpus((2, 5), 4)
    check_fit((2, 5), 5)
    with pytest.raises(InputError, match=r"tokens of 4 characters cannot hold n-grams of 5.*model\.max_token_length"):
        check_fit((2, 5), 4)


def test_an_initializer_fills_any_layer():
    """Also the original's, whose patterns stand for the tokens then, with weights drawn by the context's generator."""
    core, original = VocabularyLayer(Vocabulary.blank(3, 2), 3), TokenizationLayer(3, torch.zeros, 2, 3)
    for layer in (core, original):
        CharactersConfig().fill(lambda layer=layer: layer, initializer_context(ABC, 3, 2))
        assert decoded(layer.vocabulary().codes, ABC) == ["a", "b", "c"]
    first = original.patterns.detach().clone()
    CharactersConfig().fill(lambda: original, initializer_context(ABC, 3, 2, seed=1))
    assert (original.patterns != first).any()
    CharactersConfig().fill(lambda: original, initializer_context(ABC, 3, 2))
    assert torch.equal(original.patterns, first)
