"""Matching in one walk over the texts, on the CPU: what `PatternIndex` does with tensors elsewhere.

Tensor operations write what each of them makes of all windows to memory; a walk keeps a window in registers.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from tokenlayer.text.alphabet import BLANK

Integers = npt.NDArray[np.int64]


def walk(
    codes: Integers, n_symbols: int, q: int, first: Integers, count: Integers, members: Integers, patterns: Integers
) -> tuple[Integers, Integers]:
    """Windows (as flat indices b·L + t) and tokens that match, ordered by window, then token: (M,) each.

    Args:
        codes: (B, L), L ≥ K.
        n_symbols: C + 1.
        q: characters of a prefix.
        first: (n_symbols^q,) where the tokens that accept a prefix begin among the members.
        count: (n_symbols^q,) how many they are.
        members: the tokens.
        patterns: (N, K).

    Raises:
        IndexError: a code is not in 0..C.

    """
    room = codes.size // 16 + 1024
    while True:
        windows, tokens = np.empty(room, np.int64), np.empty(room, np.int64)
        found = _walk(codes, n_symbols, q, first, count, members, patterns, windows, tokens)
        if found < 0:
            raise IndexError(f"a code is not in 0..{n_symbols - 1}")
        if found <= room:
            return windows[:found].copy(), tokens[:found].copy()
        room = found


@numba.njit(cache=True, nogil=True)
def _walk(
    codes: Integers,
    n_symbols: int,
    q: int,
    first: Integers,
    count: Integers,
    members: Integers,
    patterns: Integers,
    windows: Integers,
    tokens: Integers,
) -> int:
    """The number of matches, of which as many are written as there is room for; -1: a code is none."""
    B, L = codes.shape
    K = patterns.shape[1]
    leading = n_symbols ** (q - 1)
    found = 0
    for b in range(B):
        key = 0
        for t in range(L):  # nothing else looks whether an index is within its array
            if not 0 <= codes[b, t] < n_symbols:
                return -1
        for k in range(q - 1):
            key = key * n_symbols + codes[b, k]
        for t in range(L - K + 1):
            key = key * n_symbols + codes[b, t + q - 1]
            for i in range(first[key], first[key] + count[key]):
                token = members[i]
                agrees = True
                for k in range(q, K):
                    wanted = patterns[token, k]
                    if wanted not in (BLANK, codes[b, t + k]):
                        agrees = False
                        break
                if agrees:
                    if found < len(windows):
                        windows[found] = b * L + t
                        tokens[found] = token
                    found += 1
            key -= leading * codes[b, t]
    return found


def first_of_each(text: Integers, token: Integers, n_tokens: int) -> Integers:
    """The indices of the matches, ordered by text, that are the first of their token in their text: (R,), ascending."""
    kept = np.empty(len(text), np.int64)
    return kept[: _first_of_each(text, token, np.full(n_tokens, -1, np.int64), kept)]


@numba.njit(cache=True, nogil=True)
def _first_of_each(text: Integers, token: Integers, seen_in: Integers, kept: Integers) -> int:
    """The number of them; `seen_in` (N,) is the last text in which each token has been seen."""
    found = 0
    for m in range(len(text)):
        if seen_in[token[m]] != text[m]:
            seen_in[token[m]] = text[m]
            kept[found] = m
            found += 1
    return found
