"""The pass over a step's n-grams, compiled for CPUs: what `NgramScores` does with tensors elsewhere, but faster.

A loop needs no tensor for each of its intermediate results, and a text's own table stays in the processor's cache.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

MULTIPLIER = 6364136223846793005  # Knuth's, for arithmetic modulo 2⁶⁴
MIXER = -49064778989728563  # of the finaliser of MurmurHash 3
LOW_31 = 0x7FFFFFFF  # what remains of a signed number shifted by 33 if no sign is to be shifted in
LENGTH_BITS = 8  # of a packed occurrence


@numba.njit(cache=True)
def add_ngrams(  # noqa: PLR0912  # a compiled inner loop
    codes: Ints,
    gradient: Floats,
    n_windows_each: int,
    n_parts: int,
    binary_features: bool,
    values: Ints,
    salts: Ints,
    local_bits: int,
    first_place: int,
    sums: Floats,
    where: Ints,
) -> tuple[int, int]:
    """Add the n-grams of some texts to a table of scores, in place.

    Args:
        codes: (B, L), 0..C, C meaning no character.
        gradient: (B, P, D): for P equal parts of a text, position t being in part t · P // L.
        n_windows_each: T, of a text.
        n_parts: Q, parts of a text that are summed up apart, as if each were a text.
        binary_features: an n-gram's occurrences in a text count as one.
        values: (C + 1,) the random value of each character.
        salts: (longest + 1,) what tells the lengths apart; -1 for lengths that are not wanted.
        local_bits: a text's own table has 2^local_bits slots.
        first_place: of the first character; the others follow it.
        sums: (slots, 2·Q·D).
        where: (slots,).

    Returns:
        the numbers of windows, and of those that were passed over.

    """
    (B, L), (_, P, D), T = codes.shape, gradient.shape, n_windows_each
    parts = np.arange(T) * P // L
    bounds = np.minimum((np.arange(n_parts + 1) * L + n_parts - 1) // n_parts, T)
    outside = len(values) - 1
    shift, mask, local_mask = 63 - int(np.log2(len(where))), len(where) - 1, (1 << local_bits) - 1
    holder = np.zeros(1 << local_bits, dtype=np.int64)  # which text and length, then n-gram, holds a slot
    held = np.zeros(1 << local_bits, dtype=np.int32)
    ngrams, places, totals = np.zeros(T, np.int64), np.zeros(T, np.int64), np.zeros((T, D), np.float32)
    n_windows = n_passed_over = 0
    for b in range(B):
        hashes, usable = np.zeros(T, np.int64), np.ones(T, np.bool_)
        for length in range(1, len(salts)):
            for t in range(T):
                code = codes[b, t + length - 1]
                hashes[t] = hashes[t] * MULTIPLIER + values[code]
                usable[t] &= code != outside
            if salts[length] < 0:
                continue
            for part in range(n_parts):
                current = (b * n_parts + part) * len(salts) + length + 1
                n_held = 0
                for t in range(bounds[part + 1] - 1, bounds[part] - 1, -1):  # a slot goes to its last occurrence
                    if not usable[t]:
                        continue
                    n_windows += 1
                    h = hashes[t] + salts[length]
                    h = (h ^ ((h >> 33) & LOW_31)) * MIXER
                    h = h ^ ((h >> 33) & LOW_31)
                    local = h & local_mask
                    if holder[local] != current:
                        holder[local], held[local] = current, n_held
                        ngrams[n_held], places[n_held] = h, t
                        for d in range(D):
                            totals[n_held, d] = gradient[b, parts[t], d]
                        n_held += 1
                    elif ngrams[held[local]] != h:
                        n_passed_over += 1
                    elif not binary_features:
                        for d in range(D):
                            totals[held[local], d] += gradient[b, parts[t], d]
                for i in range(n_held):  # loops over single numbers: an expression of arrays would allocate one
                    slot = (ngrams[i] >> shift) & mask
                    for d in range(D):
                        sums[slot, part * D + d] += totals[i, d]
                        sums[slot, (n_parts + part) * D + d] += totals[i, d] * totals[i, d]
                    packed = ((first_place + b * L + places[i]) << LENGTH_BITS) + length
                    where[slot] = max(where[slot], packed)
    return n_windows, n_passed_over
