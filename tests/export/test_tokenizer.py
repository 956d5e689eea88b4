"""The exported tokenizer against a slow segmentation of cleaned texts, character by character."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tokenlayer.errors import InputError
from tokenlayer.export.normalization import _letters_of_a_newer_unicode, normalizer, unknown_sign
from tokenlayer.export.tokenizer import Segmentation, segmentation
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.layer.words import WordMatcher
from tokenlayer.text.alphabet import BLANK, UNKNOWN, Alphabet
from tokenlayer.text.cleaning import CleaningConfig, clean

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
PLAIN = CleaningConfig(strip_br=False, lower_case=False, strip_punctuation=False, keep_alphabet=False)
Placed = list[tuple[str, int, int]]
"""Characters or tokens, and where each stood in the text as it was: begin, end."""


def layer_of(tokens: Sequence[Sequence[str]], alphabet: Alphabet) -> VocabularyLayer:
    """A layer that looks for tokens, each a sequence of symbols of the alphabet."""
    codes = torch.full((len(tokens), max(map(len, tokens))), BLANK)
    for row, token in zip(codes, tokens, strict=True):
        row[: len(token)] = torch.tensor([alphabet.symbols.index(symbol) for symbol in token])
    return VocabularyLayer(Vocabulary(codes), alphabet.size)


def segmentation_of(tokens: Sequence[Sequence[str]], alphabet: Alphabet, cleaning: CleaningConfig) -> Segmentation:
    return segmentation(layer_of(tokens, alphabet), alphabet, cleaning)


def placed_characters(text: str, cleaning: CleaningConfig, alphabet: Alphabet) -> Placed:
    """What is left of a text when it is cleaned, by loops; `<UNK>` for what is none of an alphabet that has it."""
    found: Placed = []
    place = 0
    while place < len(text):
        if cleaning.strip_br and text.startswith("<br />", place):
            found.append((" ", place + 5, place + 6))  # the library has the space come from the last character
        else:
            found.append((text[place], place, place + 1))
        place = found[-1][2]
    if cleaning.lower_case:
        lowered = "".join(char for char, _, _ in found).lower()  # of the whole: Σ at the end of a word is another
        lengths = [len(char.lower()) for char, _, _ in found]
        origins = [place for place, length in zip(found, lengths, strict=True) for _ in range(length)]
        found = [(char, begin, end) for char, (_, begin, end) in zip(lowered, origins, strict=True)]
    if cleaning.strip_punctuation:
        found = [place for place in found if place[0] not in PUNCTUATION]
    if alphabet.has_unknown:
        return [(c if c in alphabet.symbols else UNKNOWN, begin, end) for c, begin, end in found]
    return [place for place in found if place[0] in alphabet.symbols or not cleaning.keep_alphabet]


def segmented(characters: Placed, tokens: Sequence[Sequence[str]], alphabet: Alphabet) -> list[tuple[object, int, int]]:
    """The longest token at each place, from left to right; else the character, or None where it is unknown."""
    known = {tuple(token) for token in tokens}
    found: list[tuple[object, int, int]] = []
    place = 0
    while place < len(characters):
        rest = tuple(char for char, _, _ in characters[place:])
        length = next((n for n in range(len(rest), 1, -1) if rest[:n] in known), 1)
        piece = rest[:length]
        is_known = length > 1 or piece[0] in alphabet.symbols
        found.append((piece if is_known else None, characters[place][1], characters[place + length - 1][2]))
        place += length
    return found


def exported(made: Segmentation, tokenizer: Tokenizer, text: str, alphabet: Alphabet) -> list[tuple[object, int, int]]:
    """What the tokenizer gives, in the same form."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    pieces = [
        None
        if name == made.special["unk_token"]
        else tuple(UNKNOWN if alphabet.has_unknown and char == unknown_sign(alphabet) else char for char in name)
        for name in encoding.tokens
    ]
    return [(piece, begin, end) for piece, (begin, end) in zip(pieces, encoding.offsets, strict=True)]


SYMBOLS = [*"abc i\u0307.<>br/[]UNKσςßé\n\t\0☃", "\U0001f600", "\ufffd", "\u200d", UNKNOWN]
TEXTS = st.lists(
    st.one_of(
        st.sampled_from([*SYMBOLS[:-1], *"İΣẞſKK", "ΑΣ ", "<br />", "<BR />", "[UNK]", "[PAD]", "<s>"]),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=8,
).map("".join)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Alphabet, list[list[str]], CleaningConfig, str]:
    symbols = draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=20, unique=True))
    token = st.lists(st.sampled_from(symbols), min_size=1, max_size=4)
    cleaning = CleaningConfig(*(draw(st.booleans()) for _ in range(4)))
    tokens = draw(st.lists(token, min_size=1, max_size=12))
    held = st.sampled_from(tokens).map(lambda token: "".join(token).replace(UNKNOWN, "☃"))
    text = "".join(draw(st.lists(st.one_of(held, held.map(str.upper), TEXTS), max_size=12)))
    return Alphabet("".join(symbols)), tokens, cleaning, text


@settings(max_examples=60, deadline=None)
@given(cases())
@example((Alphabet("ab "), [["a", "b"], ["b", " ", "a"]], CleaningConfig(), "AB<br />ab!?b<br />a"))
@example((Alphabet("i\u0307x"), [["\u0307", "x"], ["i", "\u0307"]], CleaningConfig(), "xİxİİx"))
@example((Alphabet("ας "), [["α", "ς"], ["ς", " "]], CleaningConfig(), "ΑΣ ΑΣΑ ʰΣ ΑʰΣ Σ"))
@example((Alphabet(f"ab{UNKNOWN}"), [[UNKNOWN, "a"], [UNKNOWN, UNKNOWN]], CleaningConfig(), "☃a\ufffdéa.b"))
@example((Alphabet("[UNK]"), [list("[UNK]"), list("[U")], PLAIN, "[UNK][PAD][U"))
def test_it_segments_as_a_loop_does(case: tuple[Alphabet, list[list[str]], CleaningConfig, str]) -> None:
    alphabet, tokens, cleaning, text = case
    made = segmentation_of(tokens, alphabet, cleaning)
    characters = placed_characters(text, cleaning, alphabet)
    if not alphabet.has_unknown:
        codes = alphabet.encode(clean(text, cleaning))
        kept = codes[codes != alphabet.none_code] if cleaning.keep_alphabet else codes
        assert len(kept) == len(characters), "the slow cleaning is the package's"
    expected = segmented(characters, tokens, alphabet)
    assert exported(made, made.tokenizer, text, alphabet) == expected
    again = Tokenizer.from_str(made.tokenizer.to_str())
    assert exported(made, again, text, alphabet) == expected


def test_every_character_is_lowered_as_python_does() -> None:
    characters = [chr(point) for point in range(1, 0x110000) if not 0xD800 <= point < 0xE000]
    newer = _letters_of_a_newer_unicode()
    cleaner = normalizer(CleaningConfig(False, True, False, False), Alphabet("abc"))
    found = cleaner.normalize_str("\0".join(characters)).split("\0")
    assert found == ["\ufffd" if char in newer else char.lower() for char in characters]


def test_large_alphabets() -> None:
    alphabet = Alphabet("".join(map(chr, range(0x100, 0x100 + 3 * 12_000, 3))))
    made = segmentation_of([alphabet.symbols[:2], alphabet.symbols[-3:]], alphabet, CleaningConfig(lower_case=False))
    text = f"x{alphabet.chars}!\u0101"
    assert made.tokenizer.encode(text).tokens == [
        alphabet.chars[:2], *alphabet.chars[2:-3], alphabet.chars[-3:]
    ]  # fmt: skip


def test_numbers_are_those_of_the_names() -> None:
    made = segmentation_of(["ab", "b", "a!", "ab", "ba"], Alphabet("ab!"), CleaningConfig())
    vocabulary = made.tokenizer.get_vocab()
    assert sorted(vocabulary, key=vocabulary.__getitem__) == [*made.special.values(), "a", "b", "ab", "ba"]
    assert made.tokens == ("ab", "b", "ba")
    assert made.numbers == [7, 6, 8]
    assert made.token_ids == (0, 1, 4)
    assert made.n_impossible == 1
    assert made.tokenizer.decode(made.tokenizer.encode("AB ba?b").ids) == "abbab"


def test_a_special_token_has_a_name_of_its_own() -> None:
    made = segmentation_of(["[UNK]", "[[UNK]]"], Alphabet("[]UNK"), PLAIN)
    assert made.special["unk_token"] == "[[[UNK]]]"
    assert made.special["pad_token"] == "[PAD]"


@pytest.mark.parametrize(
    ("tokens", "alphabet", "cleaning", "message"),
    [
        (["<br />"], "<br />", CleaningConfig(strip_punctuation=False), "'<br />' cannot be exported"),
        (["a\ud800"], "a\ud800", CleaningConfig(), "half a character"),
    ],
)
def test_what_the_library_cannot_have_is_refused(
    tokens: list[str], alphabet: str, cleaning: CleaningConfig, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        segmentation_of(tokens, Alphabet(alphabet), cleaning)


@pytest.mark.parametrize("codes", [[[0, -1, 1]], [[-1, 0, 0]], [[-1, -1, -1]]])
def test_blanks_are_refused(codes: list[list[int]]) -> None:
    layer = VocabularyLayer(Vocabulary(torch.tensor([[0, 1, -1], *codes])), 2)
    with pytest.raises(InputError, match=r"1 of the 2 tokens have blanks.*█"):
        segmentation(layer, Alphabet("ab"), CleaningConfig())


def test_words_are_refused() -> None:
    layer = VocabularyLayer(Vocabulary(torch.tensor([[0, 1]])), 3, WordMatcher(2))
    with pytest.raises(InputError, match="whole words"):
        segmentation(layer, Alphabet("ab "), CleaningConfig())


def test_a_letter_that_is_none_in_python_is_refused() -> None:
    letters = sorted(_letters_of_a_newer_unicode())
    if not letters:
        pytest.skip("this Python's Unicode is as new as the library's")
    with pytest.raises(InputError, match="has a lower-case form in the tokenizers library"):
        segmentation_of([letters[0]], Alphabet(letters[0]), CleaningConfig())
