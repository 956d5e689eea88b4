"""Many texts to codes at once."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tokenlayer.text.alphabet import Alphabet, Codes, chunked


def encode_texts(
    texts: Iterable[str], alphabet: Alphabet, *, keep_alphabet: bool
) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Codes of all texts one behind the other, and the length of each.

    Args:
        texts: n texts, cleaned.
        alphabet: what encodes them.
        keep_alphabet: delete the characters without a category, instead of coding them as C.

    Returns:
        The codes (total,) and the lengths (n,), which sum to total.

    """
    parts: list[Codes] = []
    lengths: list[npt.NDArray[np.int64]] = []
    for chunk in chunked(texts):
        codes = alphabet.encode("".join(chunk))
        ends = np.cumsum([len(text) for text in chunk])
        if keep_alphabet:
            kept = codes != alphabet.none_code
            codes = codes[kept]
            ends = np.concatenate([[0], np.cumsum(kept)])[ends]
        parts.append(codes)
        lengths.append(np.diff(ends, prepend=0))
    if not parts:
        return np.empty(0, alphabet.dtype), np.empty(0, np.int64)
    return np.concatenate(parts), np.concatenate(lengths)
