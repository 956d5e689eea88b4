"""Texts as a trained model reads them: cleaned, encoded and cut as its training texts were, in batches by length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenlayer.errors import InputError
from tokenlayer.hints import shortened
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.cleaning import CleaningConfig, clean
from tokenlayer.text.encoding import encode_texts

_MOST_TEXTS, _MOST_CHARACTERS = 4096, 1 << 21
_CELLS_AT_ONCE = 1 << 15  # codes of a batch: those of more leave the processor's cache

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TextReader:
    """What turns texts into codes.

    The slow and plain way, which `explain.model_input` and `data.prepare` go, pads every text to L characters.
    """

    alphabet: Alphabet
    cleaning: CleaningConfig
    text_length: int
    """L, the characters at most that the model sees."""
    padding: int | None
    """Codes of "no character" that the model needs behind a text; None: as many as make L of it."""

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[Indices, Tensor]]:
        """The places of some texts among those given (b,), and their codes (b, W), texts of like length together.

        W is L at most; uint8 or int32.
        """
        cleaned = [clean(text, self.cleaning) for text in texts]
        codes, lengths = encode_texts(cleaned, self.alphabet, keep_alphabet=self.cleaning.keep_alphabet)
        begins = np.cumsum(lengths) - lengths
        cut = np.minimum(lengths, self.text_length)
        order = np.argsort(cut, kind="stable")
        widths = self._widths(cut[order])
        begin = 0
        while begin < len(order):
            end = _end(widths, begin)
            rows = order[begin:end]
            yield rows, self._padded(codes, begins[rows], cut[rows], int(widths[end - 1]))
            begin = end

    def _widths(self, lengths: Indices) -> Indices:
        if self.padding is None:
            return np.full_like(lengths, self.text_length)
        return np.clip(lengths + self.padding, 1, self.text_length)

    def _padded(self, codes: Codes, begins: Indices, lengths: Indices, width: int) -> Tensor:
        padded = np.full((len(begins), width), self.alphabet.none_code, dtype=codes.dtype)
        for row, begin, length in zip(padded, begins.tolist(), lengths.tolist(), strict=True):
            row[:length] = codes[begin : begin + length]
        # torch has hardly any operation on its unsigned 16-bit type.
        return torch.from_numpy(padded if padded.dtype == np.uint8 else padded.astype(np.int32))


def _end(widths: Indices, begin: int) -> int:
    """The end of the longest batch from `begin` on whose texts, padded to the last and longest, fill no more cells."""
    sizes = widths[begin : begin + _MOST_TEXTS] * np.arange(1, min(len(widths) - begin, _MOST_TEXTS) + 1)
    return begin + max(1, int(np.searchsorted(sizes, _CELLS_AT_ONCE, side="right")))


def checked_texts(texts: Any) -> list[str]:
    """The texts as a list of strings.

    Args:
        texts: any iterable of strings: a list, a column of a frame, an array.

    Raises:
        InputError: they are none, or one of them is no string; names its place.

    """
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable) or getattr(texts, "ndim", 1) != 1:
        raise InputError(
            f"texts: a {type(texts).__name__} is no list of texts: give a list of strings, or one column of a table"
        )
    found = list(texts)
    if not found:
        raise InputError("texts: the list is empty: give at least one text")
    for place, text in enumerate(found):
        if not isinstance(text, str):
            raise InputError(f"texts[{place}] is {_named(text)}, no text: leave it out, or write it as a string")
    return found


def _named(value: object) -> str:
    if value is None or isinstance(value, int | float):
        return repr(value)
    return f"a {shortened(type(value).__name__)}"


def pieces(texts: Sequence[str]) -> Iterator[range]:
    """The places of texts that are read at once: few for a bounded memory, but enough to be grouped by length."""
    begin = characters = 0
    for place, text in enumerate(texts):
        if place > begin and (place - begin == _MOST_TEXTS or characters + len(text) > _MOST_CHARACTERS):
            yield range(begin, place)
            begin, characters = place, 0
        characters += len(text)
    if begin < len(texts):
        yield range(begin, len(texts))
