import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import NONE_SIGN, UNKNOWN_SIGN, Alphabet, one_hot_str


def test_codes_of_a_worked_example() -> None:
    alphabet = Alphabet("ab ")
    assert alphabet.size == 3
    assert alphabet.none_code == 3
    assert alphabet.encode("ba bz").tolist() == [1, 0, 2, 1, 3]
    assert alphabet.encode("ba bz").dtype == np.uint8
    assert alphabet.decode([1, 0, 2, 1, 3]) == "ba b" + NONE_SIGN
    assert alphabet.decode([0, 3], none_sign="█") == "a█"


@pytest.mark.parametrize(("chars", "code"), [("<UNK>ab", 0), ("a<UNK>b", 1), ("ab<UNK>", 2)])
def test_unknown_is_one_category_wherever_it_stands(chars: str, code: int) -> None:
    alphabet = Alphabet(chars)
    assert alphabet.chars == chars
    assert alphabet.symbols[code] == "<UNK>"
    assert alphabet.encode("z<é").tolist() == [code] * 3
    assert alphabet.decode([code]) == UNKNOWN_SIGN


def test_the_characters_of_the_unknown_sign_are_ordinary_ones() -> None:
    alphabet = Alphabet("<UNK>UNK<")
    assert alphabet.symbols == ("<UNK>", "U", "N", "K", "<")
    assert alphabet.encode("U>").tolist() == [1, 0]


def test_any_script_and_astral_characters() -> None:
    alphabet = Alphabet("é字😀")
    assert alphabet.encode("😀字é\ud800").tolist() == [2, 1, 0, 3]
    assert alphabet.decode([2, 1, 0]) == "😀字é"


@pytest.mark.parametrize("chars", ["", "abca", "<UNK>a<UNK>"])
def test_empty_or_repeating_alphabets_are_refused(chars: str) -> None:
    with pytest.raises(InputError, match=r"empty|more than once"):
        Alphabet(chars)


@pytest.mark.parametrize(("size", "dtype"), [(255, np.uint8), (256, np.uint16), (65_535, np.uint16)])
def test_the_code_for_none_fits_the_type(size: int, dtype: type) -> None:
    alphabet = Alphabet("".join(map(chr, range(0x10000, 0x10000 + size))))
    codes = alphabet.encode("\U00010000!")
    assert codes.dtype == dtype
    assert codes.tolist() == [0, size]


def test_more_characters_than_two_bytes_hold_are_refused() -> None:
    with pytest.raises(InputError, match="65535"):
        Alphabet("".join(map(chr, range(0x10000, 0x10000 + 65_536))))


def test_most_common_breaks_ties_by_code_point() -> None:
    assert Alphabet.most_common(["cab", "bd", ""], 3).chars == "bac"
    assert Alphabet.most_common(["ba"], 30).chars == "ab"


def test_most_common_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no text is left"):
        Alphabet.most_common(["", ""], 30)


def test_one_hot_columns() -> None:
    assert one_hot_str("ba!", "ab").tolist() == [[0, 1, 0], [1, 0, 0]]
    assert one_hot_str("", "ab").shape == (2, 0)


chars_strategy = st.lists(st.characters(), min_size=1, max_size=40, unique=True).map("".join)


@given(chars=chars_strategy, text=st.text())
def test_encoding_agrees_with_a_dictionary(chars: str, text: str) -> None:
    alphabet = Alphabet(chars)
    codes = {char: code for code, char in enumerate(chars)}
    assert alphabet.encode(text).tolist() == [codes.get(char, len(chars)) for char in text]


@given(chars=chars_strategy, data=st.data())
def test_decoding_undoes_encoding(chars: str, data: st.DataObject) -> None:
    text = data.draw(st.text(alphabet=chars))
    assert Alphabet(chars).decode(Alphabet(chars).encode(text)) == text


@given(texts=st.lists(st.text(max_size=30), min_size=1).filter(any), size=st.integers(1, 50))
def test_most_common_agrees_with_a_count(texts: list[str], size: int) -> None:
    joined = "".join(texts)
    expected = sorted(set(joined), key=lambda char: (-joined.count(char), ord(char)))[:size]
    assert Alphabet.most_common(texts, size).symbols == tuple(expected)
