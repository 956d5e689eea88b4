"""Random texts and patterns that meet often, and all that can go wrong in them."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st

# (C + 1)^q prefixes fit the table for q = 1 beyond 180 characters, q = 2 beyond 31, else for three and more.
ALPHABET_SIZES = (1, 2, 3, 7, 30, 31, 32, 180, 181, 182, 300)


@dataclass(frozen=True)
class Case:
    codes: np.ndarray  # (B, L)
    P: np.ndarray  # (C, K, N), multiples of 1/8, so that a column's sum is exact in any order and precision
    E: np.ndarray  # (N, D)
    g: np.ndarray  # (B, L, D)

    @property
    def C(self):  # noqa: N802  # as in the shape legend
        return self.P.shape[0]

    @property
    def shape(self):
        return len(self.codes), self.P.shape[2], self.codes.shape[1]

    def tensors(self):
        return torch.tensor(self.codes), torch.tensor(self.P), torch.tensor(self.E), torch.tensor(self.g)


@st.composite
def cases(draw):
    C = draw(st.sampled_from(ALPHABET_SIZES))
    K = draw(st.integers(1, 6))
    L = draw(st.one_of(st.just(K), st.integers(K, 20), st.integers(1, K)))
    N = draw(st.one_of(st.just(1), st.integers(2, 6), st.integers(63, 130)))
    B, D = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    return make_case(B=B, L=L, C=C, K=K, N=N, D=D, seed=draw(st.integers(0, 2**32 - 1)))


def make_case(*, B, L, C, K, N, D, seed):
    rng = np.random.default_rng(seed)
    used = min(C, int(rng.integers(1, 5)))  # few different characters: many matches
    letters = rng.choice(C, used, replace=False)
    codes = rng.choice(letters, (B, L))
    for text in codes:
        text[L - int(rng.integers(0, L + 1)) * int(rng.random() < 0.4) :] = C  # padding
    codes[rng.random((B, L)) < 0.05] = C  # a character outside the alphabet
    if rng.random() < 0.3:
        codes[:] = codes[0]  # repeated texts
    patterns = np.stack([_pattern(rng, codes, letters, C, K) for _ in range(N)], axis=2)
    return Case(codes, patterns, rng.normal(size=(N, D)), rng.normal(size=(B, L, D)))


def _pattern(rng, codes, letters, C, K):
    """(C, K): from the text or not, with blanks at the edges, inside or everywhere, with ties."""
    wanted = rng.choice(letters, K)
    if codes.shape[1] >= K and rng.random() < 0.6:
        start = rng.integers(0, codes.shape[1] - K + 1)
        window = codes[rng.integers(0, len(codes)), start : start + K]
        wanted = np.where(window == C, wanted, window)
    if rng.random() < 0.5:  # in and above (0, 1), the range where σ is not zero
        columns = rng.integers(0, 6, (C, K)) / 8
        columns[wanted, np.arange(K)] = rng.integers(6, 10, K) / 8
    else:  # negative weights too; a maximum large enough for a positive sum
        columns = rng.integers(-4, 4, (C, K)) / 8
        columns[wanted, np.arange(K)] = C
    if C > 1 and rng.random() < 0.15:
        _tie(rng, columns, wanted)
    for k in _blank_columns(rng, K):
        columns[:, k] = rng.choice([0, 1]) * rng.integers(-4, 0, C) / 8
        columns[0, k] += rng.choice([0, -columns[:, k].sum()])  # a sum of zero with a positive maximum is blank too
    return columns


def _tie(rng, columns, wanted):
    k = rng.integers(0, columns.shape[1])
    other = (wanted[k] + 1) % len(columns)
    columns[other, k] = columns[:, k].max()


def _blank_columns(rng, K):
    kind = rng.choice(["none", "leading", "trailing", "inner", "all"], p=[0.4, 0.15, 0.2, 0.15, 0.1])
    edge = int(rng.integers(1, K + 1))
    return {
        "none": [],
        "leading": range(edge),
        "trailing": range(K - edge, K),
        "inner": np.flatnonzero(rng.random(K) < 0.4),
        "all": range(K),
    }[kind]
