"""The alphabet as the vocabulary."""

import pytest
import torch
from initializer_contexts import initializer_context

from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.vocabularies.characters import CharactersConfig

ALPHABET = Alphabet("ea ")


def layer(N):
    config = CharactersConfig()
    return VocabularyLayer(config.build(initializer_context(ALPHABET, N, config.default_token_length())), 3)


def test_each_character_of_a_text_is_one_match():
    matches = layer(3)(torch.tensor([[0, 2, 1, 1, 3]])).matches
    assert matches.position.tolist() == [0, 1, 2, 3]
    assert matches.token_id.tolist() == [0, 2, 1, 1]


def test_fewer_tokens_are_the_first_characters():
    assert layer(2).vocabulary().decode(ALPHABET) == ["e", "a"]


def test_more_tokens_than_characters():
    with pytest.raises(InputError, match=r"vocab_size=4, but there are only 3 .*lower model.vocab_size to 3"):
        layer(4)
