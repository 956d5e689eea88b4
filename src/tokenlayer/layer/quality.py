"""Measures of a vocabulary, independent of what a classifier makes of it.

The **match set** of a token is here the set of texts in which it occurs: two tokens of the same texts are one feature
to whatever reads a text as a whole, wherever in it they stand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary import BLANK_SIGN, Vocabulary
from tokenlayer.text.alphabet import BLANK

Integers = npt.NDArray[np.int64]

RENYI_ORDER = 2.5
_TOKENS_AT_ONCE = 1024  # bounds the overlaps held at a time to 1024·N
_PRODUCTS_IN_A_STEP = 200  # of matrices, in the time that a walk takes for a pair of tokens in a text


class QualityMeter:
    """Adds up the matches of one vocabulary over batches of texts.

    Args:
        vocab_size: N.
        n_characters: C.

    """

    def __init__(self, vocab_size: int, n_characters: int) -> None:
        self._none_code = n_characters
        self._matches = torch.zeros(vocab_size, dtype=torch.int64)
        self._on_characters = torch.zeros(vocab_size, dtype=torch.int64)
        self._holds: list[Tensor] = []
        self._characters = 0
        self._covered = 0
        self._extents: tuple[Tensor, Tensor] | None = None

    def update(self, tokens: Tokenized) -> None:
        """Add a batch (B, L)."""
        if self._extents is None:
            self._extents = extents(tokens.vocabulary)
        first, end = self._extents
        B, N, _ = tokens.matches.shape
        holds = torch.zeros(B, N, dtype=torch.bool, device=tokens.codes.device)
        if tokens.codes.device.type == "cpu":
            characters, under = _add_up(
                tokens.matches.text.numpy(),
                tokens.matches.position.numpy(),
                tokens.matches.token_id.numpy(),
                tokens.codes.numpy(),
                first.numpy(),
                end.numpy(),
                self._none_code,
                self._matches.numpy(),
                self._on_characters.numpy(),
                holds.numpy(),
            )
        else:
            characters, under = self._add_tensors(tokens, first, end, holds)
        self._holds.append(holds)
        self._characters += characters
        self._covered += under

    def _add_tensors(self, tokens: Tokenized, first: Tensor, end: Tensor, holds: Tensor) -> tuple[int, int]:
        """What `_add_up` does, with tensors."""
        matches = tokens.matches
        is_character = tokens.codes != self._none_code
        on_character = is_character.view(-1)[matches.flat]
        self._matches += matches.counts().cpu()
        self._on_characters += torch.bincount(matches.token_id[on_character], minlength=matches.shape[1]).cpu()
        holds[matches.text, matches.token_id] = True
        under = covered(tokens, first, end) & is_character
        return int(is_character.sum()), int(under.sum())

    def compute(self) -> dict[str, float]:
        """The measures over the texts seen so far, by name.

        `dead_rate`: share of the tokens that match nowhere. `always_on_rate`: share that match at more than half of the
        positions that hold a character. `coverage`: share of the characters under a match. `redundancy`: mean over the
        tokens that match of the largest Jaccard overlap with another's match set. `renyi_efficiency`: see there.
        """
        always_on = self._on_characters * 2 > self._characters
        return {
            "dead_rate": float((self._matches == 0).double().mean()),
            "always_on_rate": float(always_on.double().mean()),
            "coverage": self._covered / max(self._characters, 1),
            "redundancy": redundancy(torch.cat(self._holds)) if self._holds else 0.0,
            "renyi_efficiency": renyi_efficiency(self._matches),
        }


@numba.njit(cache=True, nogil=True)
def _add_up(
    text: Integers,
    position: Integers,
    token_id: Integers,
    codes: Integers,
    first: Integers,
    end: Integers,
    none_code: int,
    counts: Integers,
    on_characters: Integers,
    holds: npt.NDArray[np.bool_],
) -> tuple[int, int]:
    """Characters of a batch, and those under a match; one walk over the matches, in place of tensors of all places.

    Args:
        text: (M,)
        position: (M,)
        token_id: (M,)
        codes: (B, L)
        first: (N,) the first column of a token that is not blank.
        end: (N,) the one behind the last.
        none_code: the code for no character.
        counts: (N,) to which the matches of each token are added.
        on_characters: (N,) to which those are added that begin at a character.
        holds: (B, N), where True is written for each text that holds a token.

    """
    B, L = codes.shape
    under = np.zeros((B, L), np.bool_)
    for i in range(len(text)):
        b, t, n = text[i], position[i], token_id[i]
        counts[n] += 1
        on_characters[n] += codes[b, t] != none_code
        holds[b, n] = True
        for place in range(t + first[n], min(t + end[n], L)):
            under[b, place] = True
    characters = n_covered = 0
    for b in range(B):
        for place in range(L):
            if codes[b, place] != none_code:
                characters += 1
                n_covered += under[b, place]
    return characters, n_covered


def covered(tokens: Tokenized, first: Tensor, end: Tensor) -> Tensor:
    """(B, L) bool: places from the first to the last column of some match that is not blank.

    Args:
        tokens: a batch (B, L).
        first: (N,) as `extents` gives it.
        end: (N,) likewise.

    """
    matches = tokens.matches
    B, _, L = matches.shape
    # One place more than L, where the matches of the text end that reach its last character.
    row = matches.text * (L + 1) + matches.position
    begins = torch.bincount(row + first[matches.token_id], minlength=B * (L + 1))
    ends = torch.bincount(row + end[matches.token_id], minlength=B * (L + 1))
    return (begins - ends).view(B, L + 1).cumsum(1)[:, :L] > 0


def extents(vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """(N,) the first column that is not blank, and (N,) the one behind the last; 0 and 0 for blanks alone."""
    K = vocabulary.max_token_length
    column = torch.arange(K, device=vocabulary.codes.device)
    is_blank = vocabulary.codes == BLANK
    end = (column + 1).masked_fill(is_blank, 0).amax(1)
    return torch.minimum(column.masked_fill(is_blank, K).amin(1), end), end


def redundancy(holds: Tensor) -> float:
    """Mean over the tokens that match of the largest Jaccard overlap of their texts with those of another token.

    Args:
        holds: (n, N) bool: which text holds which token.

    """
    n, N = holds.shape
    if holds.device.type == "cpu":
        first, tokens = _tokens_of_texts(holds.numpy())
        if int(np.square(np.diff(first)).sum()) * _PRODUCTS_IN_A_STEP < n * N * N:
            largest = _largest_by_walk(first, tokens, N)[np.bincount(tokens, minlength=N) > 0]
            return float(largest.mean()) if len(largest) else 0.0
    largest_of_live = _largest_by_products(holds[:, holds.any(0)])
    return float(largest_of_live.mean()) if len(largest_of_live) else 0.0


def _largest_by_products(holds: Tensor) -> Tensor:
    """(N,) the largest overlap of each token with another, all of which occur, by products of matrices."""
    holds = holds.float()  # sums of ones are exact up to 2²⁴ texts
    n_live = holds.shape[1]
    size = holds.sum(0)
    largest = holds.new_zeros(n_live)
    for start in range(0, n_live, _TOKENS_AT_ONCE):
        chunk, rest = slice(start, start + _TOKENS_AT_ONCE), slice(start, None)  # of each pair once
        both = holds[:, chunk].T @ holds[:, rest]
        overlap = both / (size[chunk].unsqueeze(1) + size[rest] - both)
        overlap.diagonal().zero_()  # with itself
        largest[chunk] = torch.maximum(largest[chunk], overlap.amax(1))
        largest[rest] = torch.maximum(largest[rest], overlap.amax(0))
    return largest.double()


@numba.njit(cache=True, nogil=True)
def _tokens_of_texts(holds: npt.NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """(n + 1,) where the tokens of each text begin in (P,), where they are in order; `holds` is (n, N)."""
    n, N = holds.shape
    first, tokens = np.zeros(n + 1, np.int64), np.empty(holds.sum(), np.int64)
    p = 0
    for text in range(n):
        for token in range(N):
            if holds[text, token]:
                tokens[p] = token
                p += 1
        first[text + 1] = p
    return first, tokens


@numba.njit(cache=True, nogil=True)
def _largest_by_walk(first: Integers, tokens: Integers, N: int) -> npt.NDArray[np.float64]:
    """(N,) the largest overlap of each token with another, by a walk over its texts; 0 for those that do not occur.

    Args:
        first: as `_tokens_of_texts` gives it.
        tokens: likewise.
        N: tokens.

    """
    size = np.zeros(N, np.int64)
    for token in tokens:
        size[token] += 1
    by_token, end = np.empty(len(tokens), np.int64), np.cumsum(size)
    for text in range(len(first) - 2, -1, -1):
        for token in tokens[first[text] : first[text + 1]]:
            end[token] -= 1
            by_token[end[token]] = text
    both, largest = np.zeros(N, np.int64), np.zeros(N)
    for token in range(N):
        its_texts = by_token[end[token] : end[token] + size[token]]
        for text in its_texts:
            p = first[text + 1] - 1
            while tokens[p] > token:  # of each pair once
                both[tokens[p]] += 1
                p -= 1
        for text in its_texts:
            p = first[text + 1] - 1
            while tokens[p] > token:
                other, shared = tokens[p], both[tokens[p]]
                p -= 1
                if shared:
                    overlap = shared / (size[token] + size[other] - shared)
                    largest[token], largest[other] = max(largest[token], overlap), max(largest[other], overlap)
                    both[other] = 0
    return largest


def renyi_efficiency(counts: Tensor) -> float:
    """Rényi entropy of order 2.5 of the tokens' frequencies, as a share of that of N equally frequent ones.

    N is the whole vocabulary: of the tokens that occur alone, it would hide the dead ones. 0 where none occurs.

    Args:
        counts: (N,) matches of each token.

    """
    N, total = len(counts), int(counts.sum())
    if total == 0:
        return 0.0
    if N == 1:
        return 1.0
    share = counts.double() / total
    entropy = share.pow(RENYI_ORDER).sum().log2() / (1 - RENYI_ORDER)
    return float(entropy / torch.tensor(N, dtype=torch.float64).log2())


def turnover(before: Tensor, after: Tensor) -> float:
    """Share of the N tokens that differ from before; both (N, K) codes."""
    return float((before != after).any(1).double().mean())


def stability(vocabularies: Sequence[Collection[str]]) -> float:
    """Between seeds: mean Jaccard overlap of the decoded tokens over all pairs of vocabularies.

    Blanks at the ends of a token are left out, so that vocabularies of different lengths K compare.

    Raises:
        ValueError: fewer than two vocabularies.

    """
    sets = [{pattern.strip(BLANK_SIGN) for pattern in patterns} for patterns in vocabularies]
    if len(sets) < 2:
        raise ValueError("stability compares at least two vocabularies")
    overlaps = [len(one & other) / max(len(one | other), 1) for one, other in combinations(sets, 2)]
    return sum(overlaps) / len(overlaps)
