"""Whole words as matches, against splitting the text."""

import random

import pytest
import torch

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.layer.words import WordMatcher
from tokenlayer.text.alphabet import BLANK, Alphabet

ALPHABET = Alphabet("ab c")


def word_layer(words, K):
    codes = torch.full((len(words), K), BLANK)
    for row, word in zip(codes, words, strict=True):
        row[: len(word)] = torch.from_numpy(ALPHABET.encode(word).astype("int64"))
    return VocabularyLayer(Vocabulary(codes), ALPHABET.size, WordMatcher(ALPHABET.chars.index(" ")))


def encoded(texts, length):
    codes = torch.full((len(texts), length), ALPHABET.none_code)
    for row, text in zip(codes, texts, strict=True):
        row[: len(text)] = torch.from_numpy(ALPHABET.encode(text[:length]).astype("int64"))
    return codes


def found(layer, texts, length):
    matches = layer(encoded(texts, length)).matches
    assert matches.shape == (len(texts), layer.vocab_size, length)
    return list(zip(matches.text.tolist(), matches.position.tolist(), matches.token_id.tolist(), strict=True))


def by_splitting(words, texts, length):
    expected = []
    for b, text in enumerate(texts):
        position = 0
        for run in text[:length].replace("é", " ").split(" "):
            expected += [(b, position, words.index(run))] if run in words else []
            position += len(run) + 1
    return expected


def test_the_first_and_the_last_word_of_a_text_that_fills_its_length():
    layer = word_layer(["ab", "c"], K=4)
    assert found(layer, ["ab abc c"], 8) == [(0, 0, 0), (0, 7, 1)]
    assert found(layer, ["c  ab"], 5) == [(0, 0, 1), (0, 3, 0)]
    assert found(layer, ["c  ab"], 9) == [(0, 0, 1), (0, 3, 0)]


def test_a_part_of_a_word_is_no_match():
    assert found(word_layer(["ab"], K=3), ["abc cab aba bab"], 15) == []


def test_a_code_of_no_character_is_a_boundary():
    assert found(word_layer(["ab"], K=3), ["éabé"], 6) == [(0, 1, 0)]


def test_a_text_shorter_than_the_patterns():
    assert found(word_layer(["ab"], K=6), ["c ab"], 4) == [(0, 2, 0)]


def test_a_pattern_of_blanks_alone_is_no_word():
    assert found(word_layer(["", "c"], K=2), ["c c"], 4) == [(0, 0, 1), (0, 2, 1)]


@pytest.mark.parametrize("length", [12, 20])
def test_random_texts(length):
    draw = random.Random(0)
    texts = ["".join(draw.choices("ab cé", [4, 3, 4, 2, 1], k=draw.randint(0, 20))) for _ in range(50)]
    words = ["a", "b", "ab", "ba", "aab", "abca", "c"]
    expected = by_splitting(words, texts, length)
    assert found(word_layer(words, K=5), texts, length) == expected
    assert len(expected) > 30
