"""Words of encoded texts."""

import numpy as np
import pytest

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.words import count_words, space_code, split_words, word_codes, word_presence

ALPHABET = Alphabet("ab c\u3000")  # the ideographic space is a character like others


def encoded(*texts, length=10):
    codes = np.full((len(texts), length), ALPHABET.none_code, ALPHABET.dtype)
    for row, text in zip(codes, texts, strict=True):
        row[: len(text)] = ALPHABET.encode(text[:length])
    return codes


def decoded(words):
    return [ALPHABET.decode(word_codes(word)) for word in words]


def test_words_end_at_spaces_at_the_text_s_end_and_outside_the_alphabet():
    (words,) = split_words(encoded(" ab  cé\u3000b c", length=12), ALPHABET)
    assert [word for word in decoded(words) if word] == ["ab", "c", "\u3000b", "c"]


def test_a_word_that_is_cut_is_the_word_that_is_left():
    (words,) = split_words(encoded("ab abc", length=5), ALPHABET)
    assert decoded(words) == ["ab", "ab"]


def test_each_word_counts_once_in_a_text():
    texts = TrainingTexts(encoded("ab ab c", "ab", "aaaa c", "c", "b"), np.array([0, 1, 1, 2, 2]), 3)
    counted = count_words(texts, ALPHABET, longest=3, min_texts=2)
    assert decoded(counted.words) == ["ab", "c"]
    assert counted.counts.tolist() == [[1, 1, 0], [1, 1, 1]]


def test_presence():
    words = [word for text in split_words(encoded("c ab"), ALPHABET) for word in text if word]
    presence = word_presence(encoded("ab abc ab", "abc", "c ab"), words, ALPHABET)
    assert [presence.texts[a:b].tolist() for a, b in zip(presence.bounds, presence.bounds[1:], strict=False)] == [
        [2],
        [0, 2],
    ]
    assert presence.occurrences.tolist() == [1, 3]


def test_no_space_no_words():
    with pytest.raises(InputError, match="has no space"):
        space_code(Alphabet("水海"))
