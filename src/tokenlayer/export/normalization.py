"""Cleaning as Hugging Face's normalizers, which keep track of where each character stood before."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator
from functools import cache

from tokenizers import Regex
from tokenizers.normalizers import Lowercase, Normalizer, Replace, Sequence

from tokenlayer.errors import InputError
from tokenlayer.escaping import harmless
from tokenlayer.text.alphabet import UNKNOWN, UNKNOWN_SIGN, Alphabet
from tokenlayer.text.cleaning import CleaningConfig

_PRIVATE = range(0xE000, 0xF900)
_SURROGATES = range(0xD800, 0xE000)
_CODE_POINTS = 0x110000
_MOST_RANGES = 5000  # of a class: the library's regular expressions take 10,000

# Python writes a last Σ of a word as ς. Letters that are "case-ignorable" as well, such as ʰ, are passed over.
_LETTER = r"[\p{Cased}&&\P{Case_Ignorable}]"
_LAST_SIGMA = rf"{_LETTER}\p{{Case_Ignorable}}*\KΣ(?!\p{{Case_Ignorable}}*{_LETTER})"


def unknown_sign(alphabet: Alphabet) -> str:
    """The character that stands for those outside the alphabet, and is none of it: U+FFFD, or one for private use."""
    signs = (UNKNOWN_SIGN, *map(chr, _PRIVATE))
    return next(sign for sign in signs if sign not in alphabet.symbols)


def normalizer(cleaning: CleaningConfig, alphabet: Alphabet) -> Normalizer:
    """What does to a text the same as `text.cleaning.clean` and the alphabet.

    Characters outside the alphabet become `unknown_sign` where it has `<UNK>`; else they are deleted, or stay as they
    are, as `cleaning.keep_alphabet` says.

    Raises:
        InputError: the alphabet holds a character whose lower-case form Python and the library do not agree on.

    """
    return Sequence(list(_steps(cleaning, alphabet)))


def _steps(cleaning: CleaningConfig, alphabet: Alphabet) -> Iterator[Normalizer]:
    if cleaning.strip_br:
        yield Replace("<br />", " ")
    if cleaning.lower_case:
        yield from _lowering(alphabet)
    known = {symbol for symbol in alphabet.symbols if symbol != UNKNOWN}
    if alphabet.has_unknown:
        if cleaning.strip_punctuation:
            yield Replace(Regex(f"[{_ranges(string.punctuation)[0]}]+"), "")
        yield Replace(Regex(_outside(known)), unknown_sign(alphabet))
    elif cleaning.keep_alphabet:
        kept = known - set(string.punctuation) if cleaning.strip_punctuation else known
        yield Replace(Regex(f"(?:{_outside(kept)})+"), "")
    elif cleaning.strip_punctuation:
        yield Replace(Regex(f"[{_ranges(string.punctuation)[0]}]+"), "")


def _lowering(alphabet: Alphabet) -> Iterator[Normalizer]:
    newer = _letters_of_a_newer_unicode()
    for letter in sorted(newer.intersection(alphabet.symbols)):
        raise InputError(
            f"the alphabet holds {harmless(letter)} (U+{ord(letter):04X}), which has a lower-case form in the "
            "tokenizers library and none in this version of Python: leave it out of dataset.alphabet.characters"
        )
    if newer:
        yield Replace(Regex(f"[{_ranges(newer)[0]}]"), unknown_sign(alphabet))
    if {"σ", "ς"}.intersection(alphabet.symbols):
        yield Replace(Regex(_LAST_SIGMA), "ς")
    yield Lowercase()


@cache
def _letters_of_a_newer_unicode() -> frozenset[str]:
    """Characters that the library turns to lower case and Python leaves alone, not knowing them for letters."""
    points = (point for point in range(1, _CODE_POINTS) if point not in _SURROGATES)
    unchanged = [char for char in map(chr, points) if char.lower() == char]
    lowered = Lowercase().normalize_str("\0".join(unchanged)).split("\0")
    return frozenset(char for char, lower in zip(unchanged, lowered, strict=True) if char != lower)


def _outside(characters: Collection[str]) -> str:
    """A regular expression of one character that is none of these."""
    first, *others = _ranges(characters) or [""]
    if not first:
        return r"[\s\S]"
    return "".join(f"(?![{ranges}])" for ranges in others) + f"[^{first}]"


def _ranges(characters: Collection[str]) -> list[str]:
    """Characters as the inside of classes of a regular expression, each of no more ranges than the library takes."""
    bounds: list[tuple[int, int]] = []
    for point in sorted(map(ord, characters)):
        if bounds and bounds[-1][1] == point - 1:
            bounds[-1] = bounds[-1][0], point
        else:
            bounds.append((point, point))
    ranges = [rf"\x{{{begin:X}}}-\x{{{end:X}}}" for begin, end in bounds]
    return ["".join(ranges[begin : begin + _MOST_RANGES]) for begin in range(0, len(ranges), _MOST_RANGES)]
