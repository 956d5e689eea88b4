"""Scores of all n-grams of a step's texts, in the vocabulary or not, from the token gradient: one hashing pass.

With g the token gradient, S_b(q) = Σ g over the occurrences of n-gram q in text b is what a token q would have received
in that text. Summed up over texts, S = Σ_b S_b and V = Σ_b S_b² give S²/V, about χ² with a degree of freedom for each
dimension if q would not help.

**Parts.** A token may tell by where it stands what it does not tell by being there: A before B is one class, B before A
the other. Then g is of one sign where it stands early, of the other where it stands late, and its sum over texts is
about zero. With Q parts of the text S and V are summed up for each of them, as if it were a text of its own, and the
score is the sum of the parts' S²/V. What a token tells by being there counts for as much as with one part; by chance a
score has Q times as many degrees of freedom.

**Memory** is a table of fixed size. An n-gram's slot is a hash of it. N-grams that share a slot add up; millions of
n-grams that occur once or twice do share slots, and only dilute the scores of the frequent ones. `load` reports it, and
whoever takes an n-gram for its score evaluates it exactly first (`grow` does). **Within a text** occurrences find each
other through a second, smaller table, in which an n-gram whose slot another one holds is passed over in that text (a
few percent, other ones for each text: `passed_over`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tokenlayer.rules.ngram_pass import LENGTH_BITS, LOW_31, MIXER, MULTIPLIER, add_ngrams

_LOCAL_SLOTS = 8  # in a text's own table, for each of its characters


class NgramScores(nn.Module):
    """Accumulates scores; all of its state is in buffers.

    Args:
        n_characters: C.
        embedding_dim: D.
        lengths: of the n-grams.
        max_token_length: K: as in matching, an n-gram counts at t ≤ L - K.
        text_length: L.
        memory_mb: bound of the table of scores, in MiB.
        n_kept: the latest texts that are kept, so that a slot's n-gram can be read off.
        n_parts: Q, of the text's L positions; t is in part t · Q // L.

    """

    sums: Tensor
    """(slots, 2·Q·D): S of each part, then V of each part."""
    where: Tensor
    """(slots,): the latest occurrence, packed; 0: none."""
    kept: Tensor
    """(n_kept, L)"""
    n_seen: Tensor
    n_passed_over: Tensor
    n_windows: Tensor
    _values: Tensor

    def __init__(
        self,
        n_characters: int,
        embedding_dim: int,
        lengths: Sequence[int],
        max_token_length: int,
        text_length: int,
        memory_mb: int,
        n_kept: int,
        n_parts: int = 1,
    ) -> None:
        super().__init__()
        self.lengths = sorted(set(lengths))
        self.max_token_length = max_token_length
        self.n_characters = n_characters
        self.n_parts = n_parts
        n_sums = 2 * n_parts * embedding_dim
        bytes_each = 4 * n_sums + 8
        self.bits = max(10, ((memory_mb << 20) // bytes_each).bit_length() - 1)
        generator = torch.Generator().manual_seed(0)
        values = torch.randint(-(2**62), 2**62, (n_characters + 1,), generator=generator)
        self.register_buffer("_values", values, persistent=False)
        self.register_buffer("sums", torch.zeros(1 << self.bits, n_sums))
        self.register_buffer("where", torch.zeros(1 << self.bits, dtype=torch.int64))
        code_type = torch.uint8 if n_characters < 256 else torch.int32
        self.register_buffer("kept", torch.full((n_kept, text_length), n_characters, dtype=code_type))
        for name in ("n_seen", "n_passed_over", "n_windows"):
            self.register_buffer(name, torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def add(self, codes: Tensor, gradient: Tensor, *, binary_features: bool) -> None:
        """Take in the texts `codes` (B, L) with the token gradient.

        Args:
            codes: 0..C, C meaning no character.
            gradient: g, (B, D), or (B, P, D) for P equal parts of the L positions: see `HeadOutput.embedded`.
            binary_features: an n-gram's occurrences in a part of a text count as one.

        """
        B, L = codes.shape
        T = L - self.max_token_length + 1
        if T < 1:
            return
        codes = codes.long()
        self.kept[(self.n_seen + torch.arange(B, device=codes.device)) % len(self.kept)] = codes.to(self.kept)
        g = gradient.unsqueeze(1) if gradient.dim() == 2 else gradient
        if codes.device.type == "cpu":
            self._add_compiled(codes, g, T, binary_features)
        else:
            self._add_tensors(codes, g, T, binary_features)
        self.n_seen += B

    def _local_bits(self, T: int) -> int:
        return (_LOCAL_SLOTS * T - 1).bit_length()

    def _add_compiled(self, codes: Tensor, g: Tensor, T: int, binary_features: bool) -> None:
        n_windows, n_passed_over = add_ngrams(
            codes.numpy(),
            g.float().numpy(),
            T,
            self.n_parts,
            binary_features,
            self._values.numpy(),
            np.array([_salt(length) if length in self.lengths else -1 for length in range(max(self.lengths) + 1)]),
            self._local_bits(T),
            (int(self.n_seen) + 1) * codes.shape[1],
            self.sums.numpy(),
            self.where.numpy(),
        )
        self.n_windows += n_windows
        self.n_passed_over += n_passed_over

    def _add_tensors(self, codes: Tensor, g: Tensor, T: int, binary_features: bool) -> None:
        B, L = codes.shape
        part = (torch.arange(T, device=codes.device) * g.shape[1]).div(L, rounding_mode="floor")
        g = g[:, part].reshape(B * T, -1)
        place = ((self.n_seen + torch.arange(B, device=codes.device)).unsqueeze(1) + 1) * L
        place = (place + torch.arange(T, device=codes.device)).reshape(-1)
        values = self._values[codes]
        outside = (codes == self.n_characters).to(torch.int64)
        hashes, n_outside = values[:, :T], outside[:, :T]
        for length in range(1, max(self.lengths) + 1):
            if length > 1:
                hashes = hashes * MULTIPLIER + values[:, length - 1 : length - 1 + T]
                n_outside = n_outside + outside[:, length - 1 : length - 1 + T]
            if length in self.lengths:
                window = (n_outside == 0).reshape(-1).nonzero()[:, 0]
                self._add(_mixed(hashes.reshape(-1)[window], length), window, g, place, length, (B, T), binary_features)

    def _add(
        self,
        hashes: Tensor,
        window: Tensor,
        g: Tensor,
        place: Tensor,
        length: int,
        shape: tuple[int, int],
        binary_features: bool,
    ) -> None:
        B, T = shape
        local_bits = self._local_bits(T)
        Q, D = self.n_parts, g.shape[1]
        text, t = torch.div(window, T, rounding_mode="floor"), window % T
        part = (t * Q).div(self.kept.shape[1], rounding_mode="floor")
        local = ((text * Q + part) << local_bits) + (hashes & ((1 << local_bits) - 1))
        rank = torch.arange(len(window), device=window.device)
        # The slot of a part's table goes to its last occurrence: a maximum is the same in any order of writing.
        holder = torch.zeros(B * Q << local_bits, dtype=torch.int64, device=window.device)
        holder.scatter_reduce_(0, local, rank, "amax", include_self=False)
        holder = holder[local]
        first = (holder == rank).nonzero()[:, 0]
        self.n_windows += len(window)
        is_same = hashes[holder] == hashes
        self.n_passed_over += len(window) - is_same.sum()
        if binary_features:
            of_text = g[window[first]]
        else:
            same = is_same.nonzero()[:, 0]
            total = g.new_zeros(len(window), g.shape[1]).index_add_(0, holder[same], g[window[same]])
            of_text = total[first]
        slot = (hashes[first] >> (63 - self.bits)) & ((1 << self.bits) - 1)
        row, sums = slot * 2 * Q + part[first], self.sums.view(-1, D)
        sums.index_add_(0, row, of_text)
        sums.index_add_(0, row + Q, of_text.square())
        packed = (place[window[first]] << LENGTH_BITS) + length
        self.where.scatter_reduce_(0, slot, packed, "amax")

    def scores(self) -> Tensor:
        """(slots,): the sum of S²/V over parts and dimensions, zero where nothing fell."""
        S, V = self.sums.chunk(2, 1)
        return (S.square() / V.clamp(min=1e-30)).where(V > 0, 0).sum(1)

    def ngrams(self, slots: Tensor) -> tuple[Tensor, Tensor]:
        """The n-grams last seen in some slots (R,): codes (R, K) padded with -1, and whether each is still known."""
        L = self.kept.shape[1]
        packed = self.where[slots]
        length = packed & ((1 << LENGTH_BITS) - 1)
        place = packed >> LENGTH_BITS
        text, at = torch.div(place, L, rounding_mode="floor") - 1, place % L
        is_known = (packed > 0) & (text >= self.n_seen - len(self.kept))
        columns = torch.arange(self.max_token_length, device=slots.device)
        row = text.clamp(min=0) % len(self.kept)
        codes = self.kept[row.unsqueeze(1), (at.unsqueeze(1) + columns).clamp(max=L - 1)].long()
        return codes.masked_fill(columns >= length.unsqueeze(1), -1), is_known

    def fade(self, share: float) -> None:
        """Weigh what is accumulated by `share`: the network goes on changing."""
        self.sums *= share
        for count in (self.n_passed_over, self.n_windows):
            count.zero_()

    @property
    def load(self) -> float:
        """Share of the slots that hold an n-gram: about the chance that one more n-gram shares its slot."""
        return float((self.where > 0).double().mean())

    @property
    def passed_over(self) -> float:
        """Share of the windows, since the last `fade`, that another n-gram kept from being counted."""
        return int(self.n_passed_over) / max(1, int(self.n_windows))


def _salt(length: int) -> int:
    return (length * 0x1E3779B97F4A7C15) % (1 << 62)


def _mixed(hashes: Tensor, length: int) -> Tensor:
    """Spreads a polynomial's hash over all bits, and tells lengths apart (the finaliser of MurmurHash 3)."""
    h = hashes + _salt(length)
    h = (h ^ ((h >> 33) & LOW_31)) * MIXER
    return h ^ ((h >> 33) & LOW_31)
