"""Where each pattern occurs: exact string matching on codes, for any blanks and ties, without a (B, N, L) tensor.

The dense route compares every pattern with every window, B·T·N·C·K multiply-adds. Here a table over the first q
characters lists, for each of the (C+1)^q prefixes, the patterns that accept it; a window looks its prefix up, and the
few (window, pattern) candidates are then compared column by column, dropping those that fail. The same tensor code runs
on CPU and GPU, and uses integers only: the result is exact and deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.tokenization.vocabulary import BLANK, Vocabulary

_PREFIX_TABLE_ROWS = 1 << 15  # three characters for the seed's alphabet; larger tables cost more than they filter
_WORD = 64


@dataclass(frozen=True)
class Matches:
    """The M places where a pattern occurs, ordered by text, position, neuron."""

    text: Tensor
    """(M,) int64, 0..B-1."""
    position: Tensor
    """(M,) int64, 0..L-1: where the pattern begins."""
    neuron: Tensor
    """(M,) int64, 0..N-1."""
    shape: tuple[int, int, int]
    """(B, N, L), the dense tensor that these indices stand for."""

    def __len__(self) -> int:
        return self.text.shape[0]

    @property
    def flat(self) -> Tensor:
        """(M,) int64: the index into B·L positions."""
        return self.text * self.shape[2] + self.position

    def counts(self) -> Tensor:
        """(N,) int64: how often each pattern matched."""
        return torch.bincount(self.neuron, minlength=self.shape[1])

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """(B, N, L): one where a pattern begins, else zero."""
        out = torch.zeros(self.shape, dtype=dtype, device=self.text.device)
        out[self.text, self.neuron, self.position] = 1
        return out


def match(codes: Tensor, vocabulary: Vocabulary, n_characters: int) -> Matches:
    """All matches of `vocabulary` in `codes` (B, L), integers 0..C where C means no character.

    A pattern occurs at t ≤ L - K when each of its columns is blank or equals the text; one of blanks alone occurs at
    all L positions, as in the original, which fills its last K - 1 positions with the value 0 that such a pattern asks
    for.
    """
    B, L = codes.shape
    K = vocabulary.pattern_lens
    codes = codes.long().contiguous()
    if L < K:
        window, neuron = codes.new_empty(0), codes.new_empty(0)
    else:
        window, neuron = _candidates(codes, vocabulary, n_characters)
        window, neuron = _verified(codes, vocabulary, window, neuron, n_characters)
    matches = Matches(
        text=torch.div(window, L, rounding_mode="floor"),
        position=window % L,
        neuron=neuron,
        shape=(B, vocabulary.n_neurons, L),
    )
    return _with_all_blank(matches, vocabulary)


def _prefix_length(n_characters: int, pattern_lens: int) -> int:
    length = 1
    while length < pattern_lens and (n_characters + 1) ** (length + 1) <= _PREFIX_TABLE_ROWS:
        length += 1
    return length


def _candidates(codes: Tensor, vocabulary: Vocabulary, n_characters: int) -> tuple[Tensor, Tensor]:
    """Windows (as flat indices b·L + t, t < T) and neurons whose first q columns agree."""
    q = _prefix_length(n_characters, vocabulary.pattern_lens)
    first, count, members = _prefix_table(vocabulary, n_characters, q)
    L = codes.shape[1]
    T = L - vocabulary.pattern_lens + 1
    key = codes[:, :T]
    for k in range(1, q):
        key = key * (n_characters + 1) + codes[:, k : k + T]
    found = count[key]  # (B, T)
    text, position = found.nonzero(as_tuple=True)
    found, first = found[text, position], first[key[text, position]]
    # Expand each window into one row a candidate: the j-th row of a window takes the j-th member of its prefix.
    end = found.cumsum(0)
    member = torch.arange(int(end[-1]) if len(end) else 0, device=codes.device)
    member += torch.repeat_interleave(first - (end - found), found)
    window = torch.repeat_interleave(text * L + position, found)
    return window, members[member]


def _prefix_table(vocabulary: Vocabulary, n_characters: int, q: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each prefix key: where its members begin, how many they are; and the members (neurons) of all keys."""
    bits = _prefix_bits(vocabulary, n_characters, q)  # ((C+1)^q, W)
    key, word = bits.nonzero(as_tuple=True)
    lanes = torch.arange(_WORD, device=bits.device)
    row, bit = ((bits[key, word].unsqueeze(1) >> lanes) & 1).nonzero(as_tuple=True)
    key, members = key[row], word[row] * _WORD + bit  # ordered by key, then neuron
    count = torch.bincount(key, minlength=bits.shape[0])
    return count.cumsum(0) - count, count, members


def _prefix_bits(vocabulary: Vocabulary, n_characters: int, q: int) -> Tensor:
    """((C+1)^q, W) int64 bit sets: which of the N patterns accept each prefix. Ties and all-blank patterns: none."""
    N = vocabulary.n_neurons
    n_words = -(-N // _WORD)
    able = ~(vocabulary.never | vocabulary.all_blank)
    symbols = torch.arange(n_characters + 1, device=able.device)
    columns = vocabulary.codes[:, :q].T.unsqueeze(1)  # (q, 1, N)
    accept = ((columns == symbols[:, None]) | (columns == BLANK)) & able  # (q, C+1, N)
    lanes = torch.ones((), dtype=torch.int64, device=able.device) << torch.arange(_WORD, device=able.device)
    padded = torch.nn.functional.pad(accept, (0, n_words * _WORD - N))
    packed = (padded.view(q, -1, n_words, _WORD) * lanes).sum(-1)  # (q, C+1, W)
    bits = packed[0]
    for k in range(1, q):
        bits = (bits.unsqueeze(1) & packed[k]).view(-1, n_words)
    return bits


def _verified(
    codes: Tensor, vocabulary: Vocabulary, window: Tensor, neuron: Tensor, n_characters: int
) -> tuple[Tensor, Tensor]:
    """The candidates whose remaining columns agree too."""
    text = codes.view(-1)
    columns = vocabulary.codes.T.contiguous()  # (K, N)
    for k in range(_prefix_length(n_characters, vocabulary.pattern_lens), vocabulary.pattern_lens):
        if not len(window):
            break
        column = columns[k][neuron]
        agree = ((column == text[window + k]) | (column == BLANK)).nonzero()[:, 0]
        if len(agree) < len(window):
            window, neuron = window[agree], neuron[agree]
    return window, neuron


def _with_all_blank(matches: Matches, vocabulary: Vocabulary) -> Matches:
    blank = (vocabulary.all_blank & ~vocabulary.never).nonzero()[:, 0]
    if not len(blank):
        return matches
    B, N, L = matches.shape
    windows = torch.arange(B * L, device=blank.device)
    window = torch.cat([matches.flat, windows.repeat_interleave(len(blank))])
    neuron = torch.cat([matches.neuron, blank.repeat(B * L)])
    order = (window * N + neuron).argsort()
    window, neuron = window[order], neuron[order]
    return Matches(torch.div(window, L, rounding_mode="floor"), window % L, neuron, matches.shape)
