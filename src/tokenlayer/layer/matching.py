"""Exact string matching on codes finds where each token occurs, for any blanks, without a (B, N, L) tensor.

The dense route compares every token with every window, B·T·N·C·K multiply-adds. Here a table over the first q
characters lists, for each of the (C+1)^q prefixes, the tokens that accept it; a window looks its prefix up, and the
few (window, token) candidates are then compared column by column, dropping those that fail. On a GPU tensor code does
it, on the CPU one walk over the texts, in a fifth of the time. Both use integers only: the result is exact,
deterministic and the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.walking import first_of_each, walk
from tokenlayer.text.alphabet import BLANK

# Three characters of an alphabet of 30; larger tables cost more than they filter.
_PREFIX_TABLE_ROWS = 1 << 15
_WORD = 64
_CELLS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Matches:
    """The M places where a token occurs, ordered by text, position, token."""

    text: Tensor
    """(M,) int64, 0..B-1."""
    position: Tensor
    """(M,) int64, 0..L-1: where the token begins."""
    token_id: Tensor
    """(M,) int64, 0..N-1."""
    shape: tuple[int, int, int]
    """(B, N, L), the dense tensor that these indices stand for."""

    def __len__(self) -> int:
        return self.text.shape[0]

    @property
    def flat(self) -> Tensor:
        """(M,) int64: the index into B·L positions."""
        return self.text * self.shape[2] + self.position

    def distinct(self) -> Matches:
        """The first match of each token in each text: presence instead of counts."""
        if self.text.device.type == "cpu":
            kept = torch.from_numpy(first_of_each(self.text.numpy(), self.token_id.numpy(), self.shape[1]))
        else:
            kept = self._first_of_each()
        return Matches(self.text[kept], self.position[kept], self.token_id[kept], self.shape)

    def _first_of_each(self) -> Tensor:
        pair = self.text * self.shape[1] + self.token_id
        order = pair.argsort(stable=True)
        ordered = pair[order]
        is_first = torch.ones_like(ordered, dtype=torch.bool)
        is_first[1:] = ordered[1:] != ordered[:-1]
        return order[is_first].sort().values

    def counts(self) -> Tensor:
        """(N,) int64: how often each token matched."""
        return torch.bincount(self.token_id, minlength=self.shape[1])

    def counts_by_text(self) -> Tensor:
        """(B,) int64: the number of matches in each text."""
        return torch.bincount(self.text, minlength=self.shape[0])

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """(B, N, L): one where a token begins, else zero."""
        out = torch.zeros(self.shape, dtype=dtype, device=self.text.device)
        out[self.text, self.token_id, self.position] = 1
        return out


class PatternIndex:
    """A vocabulary made ready for matching: worth keeping while the vocabulary does not change.

    Args:
        vocabulary: N tokens.
        n_characters: C.

    """

    def __init__(self, vocabulary: Vocabulary, n_characters: int) -> None:
        self.vocabulary = vocabulary
        self.n_characters = n_characters
        self._prefix_length = _prefix_length(n_characters, vocabulary.max_token_length)
        self._first, self._count, self._members = _prefix_table(vocabulary, n_characters, self._prefix_length)
        self._columns = vocabulary.codes.T.contiguous()  # (K, N)
        self._all_blank = (vocabulary.all_blank & vocabulary.can_match).nonzero()[:, 0]

    def match(self, codes: Tensor) -> Matches:
        """All matches in `codes` (B, L), integers 0..C where C means no character.

        A token occurs at t ≤ L - K when each of its columns is blank or equals the text; one of blanks alone occurs
        at all L positions, as in the original, which fills its last K - 1 positions with the value 0 that such a
        token asks for.
        """
        B, L = codes.shape
        K = self.vocabulary.max_token_length
        codes = codes.long().contiguous()
        if L < K:
            window, token_id = codes.new_empty(0), codes.new_empty(0)
        else:
            window, token_id = self._walked(codes) if codes.device.type == "cpu" else self._by_tensors(codes)
        matches = Matches(
            text=torch.div(window, L, rounding_mode="floor"),
            position=window % L,
            token_id=token_id,
            shape=(B, self.vocabulary.vocab_size, L),
        )
        return _with_all_blank(matches, self._all_blank)

    def _walked(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Windows (as flat indices b·L + t, t < T) and tokens that match, ordered by both: for the CPU."""
        tables = (self._first, self._count, self._members, self.vocabulary.codes.contiguous())
        window, token_id = walk(
            codes.numpy(), self.n_characters + 1, self._prefix_length, *(table.numpy() for table in tables)
        )
        return torch.from_numpy(window), torch.from_numpy(token_id)

    def _by_tensors(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """The same on any device."""
        return self._verified(codes, *self._candidates(codes))

    def _candidates(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Windows (as flat indices b·L + t, t < T) and tokens whose first q columns agree."""
        L = codes.shape[1]
        T = L - self.vocabulary.max_token_length + 1
        key = codes[:, :T]
        for k in range(1, self._prefix_length):
            key = key * (self.n_characters + 1) + codes[:, k : k + T]
        found = self._count[key]  # (B, T)
        text, position = found.nonzero(as_tuple=True)
        found, first = found[text, position], self._first[key[text, position]]
        # Expand each window into one row a candidate: the j-th row of a window takes the j-th member of its prefix.
        end = found.cumsum(0)
        member = torch.arange(int(end[-1]) if len(end) else 0, device=codes.device)
        member += torch.repeat_interleave(first - (end - found), found)
        window = torch.repeat_interleave(text * L + position, found)
        return window, self._members[member]

    def _verified(self, codes: Tensor, window: Tensor, token_id: Tensor) -> tuple[Tensor, Tensor]:
        """The candidates whose remaining columns agree too."""
        text = codes.view(-1)
        for k in range(self._prefix_length, self.vocabulary.max_token_length):
            if not len(window):
                break
            column = self._columns[k][token_id]
            agree = ((column == text[window + k]) | (column == BLANK)).nonzero()[:, 0]
            if len(agree) < len(window):
                window, token_id = window[agree], token_id[agree]
        return window, token_id


def match(codes: Tensor, vocabulary: Vocabulary, n_characters: int) -> Matches:
    """All matches of `vocabulary` in `codes` (B, L), for a vocabulary that is used once (see `PatternIndex.match`)."""
    return PatternIndex(vocabulary, n_characters).match(codes)


def _prefix_length(n_characters: int, max_token_length: int) -> int:
    length = 1
    while length < max_token_length and (n_characters + 1) ** (length + 1) <= _PREFIX_TABLE_ROWS:
        length += 1
    return length


def _prefix_table(vocabulary: Vocabulary, n_characters: int, q: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each prefix key: where its members begin, how many they are; and the members (token ids) of all keys."""
    bits = _prefix_bits(vocabulary, n_characters, q)  # ((C+1)^q, W)
    key, word = bits.nonzero(as_tuple=True)
    lanes = torch.arange(_WORD, device=bits.device)
    row, bit = ((bits[key, word].unsqueeze(1) >> lanes) & 1).nonzero(as_tuple=True)
    key, members = key[row], word[row] * _WORD + bit  # ordered by key, then token
    count = torch.bincount(key, minlength=bits.shape[0])
    return count.cumsum(0) - count, count, members


def _prefix_bits(vocabulary: Vocabulary, n_characters: int, q: int) -> Tensor:
    """((C+1)^q, W) int64 bit sets: which of the N tokens accept each prefix. Ties and all-blank tokens: none."""
    N = vocabulary.vocab_size
    n_words = -(-N // _WORD)
    able = vocabulary.can_match & ~vocabulary.all_blank
    symbols = torch.arange(n_characters + 1, device=able.device)
    columns = vocabulary.codes[:, :q].T.unsqueeze(1)  # (q, 1, N)
    accept = ((columns == symbols[:, None]) | (columns == BLANK)) & able  # (q, C+1, N)
    lanes = torch.ones((), dtype=torch.int64, device=able.device) << torch.arange(_WORD, device=able.device)
    padded = torch.nn.functional.pad(accept, (0, n_words * _WORD - N)).view(q, -1, n_words, _WORD)
    # Some symbols at a time: 64-bit numbers take 64 times the room of the bits that they are to become.
    some = torch.split(padded, max(1, _CELLS_AT_ONCE // (q * n_words * _WORD)), dim=1)
    packed = torch.cat([(part * lanes).sum(-1) for part in some], dim=1)  # (q, C+1, W)
    bits = packed[0]
    for k in range(1, q):
        bits = (bits.unsqueeze(1) & packed[k]).view(-1, n_words)
    return bits


def _with_all_blank(matches: Matches, blank: Tensor) -> Matches:
    if not len(blank):
        return matches
    B, N, L = matches.shape
    windows = torch.arange(B * L, device=blank.device)
    window = torch.cat([matches.flat, windows.repeat_interleave(len(blank))])
    token_id = torch.cat([matches.token_id, blank.repeat(B * L)])
    order = (window * N + token_id).argsort()
    window, token_id = window[order], token_id[order]
    return Matches(torch.div(window, L, rounding_mode="floor"), window % L, token_id, matches.shape)
