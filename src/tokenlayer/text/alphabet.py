"""An ordered set of characters and the integer codes that stand for them."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from tokenlayer.errors import InputError

UNKNOWN = "<UNK>"
UNKNOWN_SIGN = "\N{REPLACEMENT CHARACTER}"
NONE_SIGN = "\N{MIDDLE DOT}"

Codes = npt.NDArray[np.unsignedinteger]

BLANK = -1
"""The code of a column of a token that accepts any character."""

_CODE_POINTS = 0x110000
_CHARS_AT_ONCE = 1 << 22


class Alphabet:
    """C categories of characters, coded 0..C-1 in the order of `chars`; the code C means "no category".

    `<UNK>` anywhere in `chars` is one category, for every character that is not itself in `chars`. Without it
    such characters have none. A code is one Unicode code point of the text, so any script works.

    Args:
        chars: the characters, each once, and at most one `<UNK>`.

    Raises:
        InputError: `chars` is empty, repeats a character, or holds more than 65,535 categories.

    """

    def __init__(self, chars: str) -> None:
        self.chars = chars
        self.symbols = _split(chars)
        self.size = len(self.symbols)
        self.none_code = self.size
        self.dtype = _code_dtype(self.size)
        known = [(ord(symbol), code) for code, symbol in enumerate(self.symbols) if symbol != UNKNOWN]
        outside = self.symbols.index(UNKNOWN) if self.has_unknown else self.none_code
        # A table over all of Unicode makes encoding one gather, whatever the script.
        self._table = np.full(_CODE_POINTS, outside, dtype=self.dtype)
        for point, code in known:
            self._table[point] = code

    @classmethod
    def most_common(cls, texts: Iterable[str], size: int) -> "Alphabet":
        """The `size` most common characters of the texts (fewer if there are fewer), ties by code point.

        Raises:
            InputError: the texts hold no character at all.

        """
        characters, _ = count_characters(texts)
        if not characters:
            raise InputError("no text is left after cleaning: check the text column and dataset.cleaning")
        return cls(characters[:size])

    @property
    def has_unknown(self) -> bool:
        return UNKNOWN in self.symbols

    @property
    def signs(self) -> tuple[str, ...]:
        """One character per category, to show: the character itself, `�` for `<UNK>`."""
        return tuple(UNKNOWN_SIGN if symbol == UNKNOWN else symbol for symbol in self.symbols)

    def encode(self, text: str) -> Codes:
        """Codes of the characters: (len(text),), uint8 when C < 256, else uint16."""
        return self._table[_code_points(text)]

    def decode(self, codes: Iterable[int], none_sign: str = NONE_SIGN) -> str:
        """One sign per code: its character, `�` for `<UNK>`, `none_sign` for no category.

        Raises:
            IndexError: a code above C.

        """
        signs = (*self.signs, none_sign)
        return "".join(signs[int(code)] for code in codes)

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and self.chars == other.chars

    def __hash__(self) -> int:
        return hash(self.chars)

    def __reduce__(self) -> tuple[type["Alphabet"], tuple[str]]:
        return Alphabet, (self.chars,)  # without the table, which is large

    def __repr__(self) -> str:
        return f"Alphabet({self.chars!r})"


def count_characters(texts: Iterable[str]) -> tuple[str, npt.NDArray[np.int64]]:
    """The characters that occur, the most frequent first, ties by code point; and how often each does."""
    counts = np.zeros(_CODE_POINTS, dtype=np.int64)
    for chunk in chunked(texts):
        found = np.bincount(_code_points("".join(chunk)))
        counts[: len(found)] += found
    points = np.flatnonzero(counts)
    points = points[np.argsort(-counts[points], kind="stable")]
    return "".join(map(chr, points)), counts[points]


def one_hot_str(string: str, chars: str) -> npt.NDArray[np.int32]:
    """One-hot columns of the string's characters, as tokenization-layer's function of that name.

    Returns:
        (C, len(string)): row c is 1 where the character belongs to category c; a character without a category
        is an all-zero column.

    """
    alphabet = Alphabet(chars)
    categories = np.arange(alphabet.size)[:, None]
    one_hot: npt.NDArray[np.int32] = (alphabet.encode(string) == categories).astype(np.int32)
    return one_hot


def chunked(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in groups of some million characters: few large operations at a bounded memory."""
    chunk: list[str] = []
    length = 0
    for text in texts:
        chunk.append(text)
        length += len(text)
        if length >= _CHARS_AT_ONCE:
            yield chunk
            chunk, length = [], 0
    if chunk:
        yield chunk


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    # Lone surrogates are legal in Python strings (JSON escapes make them), hence surrogatepass.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _split(chars: str) -> tuple[str, ...]:
    before, *after = chars.split(UNKNOWN)
    symbols = tuple(before) + tuple(symbol for part in after for symbol in (UNKNOWN, *part))
    if not symbols:
        raise InputError("the alphabet is empty: give at least one character")
    twice = sorted(symbol for symbol, count in Counter(symbols).items() if count > 1)
    if twice:
        raise InputError(f"the alphabet {chars!r} holds {', '.join(map(repr, twice))} more than once: give each once")
    return symbols


def _code_dtype(size: int) -> np.dtype[np.unsignedinteger]:
    # The code C must fit as well.
    if size <= np.iinfo(np.uint8).max:
        return np.dtype(np.uint8)
    if size <= np.iinfo(np.uint16).max:
        return np.dtype(np.uint16)
    raise InputError(f"the alphabet has {size} characters: at most {np.iinfo(np.uint16).max} can be coded")
