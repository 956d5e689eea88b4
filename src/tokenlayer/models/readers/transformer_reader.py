"""A transformer whose elements have weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenlayer.models.heads.places import N_WAVES, waves
from tokenlayer.models.readers.reader import Reader

_PART = 16  # texts that attention pads to one length on a CPU; fewer at a time take longer to call than they save


class TransformerReader(Reader):
    """Layers of attention and of a network for each element, and the mean over the elements.

    The logarithm of an element's weight is added to what attention sees of it, so that after the softmax it has the
    attention of so many elements alike; the mean is weighted. Layers normalise what they read (pre-norm). Each element
    knows its place in the text, by sines and cosines of it.

    The elements of a batch are one long list, without padding. Attention alone needs sequences of one length: on a CPU
    it takes some texts at a time, in the order of their lengths, so that a short text is not padded to the longest.

    Args:
        width: D.
        n_layers: layers.
        n_heads: attention heads of a layer; divides `width`.
        dropout: share of the numbers that are zeroed in training, of what each part of a layer adds.
        text_length: L.

    """

    def __init__(self, width: int, n_layers: int, n_heads: int, dropout: float, text_length: int) -> None:
        super().__init__()
        self.text_length = text_length
        self.dropout = dropout
        self.places = nn.Linear(N_WAVES, width)
        self.layers = nn.ModuleList(_Layer(width, n_heads, dropout) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, position: Tensor, weight: Tensor) -> Tensor:
        parts = _parts(weight)
        element = torch.cat([part.element for part in parts])
        w = weight.flatten()[element]
        places = self.places(waves(position.flatten()[element], self.text_length, x.dtype))
        x = x.flatten(0, 1).index_select(0, element) + places
        for layer in self.layers:
            x = layer(x, parts)
        text = element // weight.shape[1]
        share = w / weight.sum(1)[text]
        return x.new_zeros(len(weight), x.shape[1]).index_add(0, text, share.unsqueeze(1) * self.norm(x))

    def centred_modules(self) -> tuple[nn.Module, ...]:
        """All that is added to the stream of vectors, which only layer normalisations read."""
        added: list[nn.Module] = [self.places, *self.layers]
        if not self.dropout:  # with dropout in between, a gradient is cut to a part of one that sums to zero
            for layer in self.layers:
                assert isinstance(layer, _Layer)
                added += [layer.mixed, layer.outer]
        return tuple(added)

    def centres_elements(self) -> bool:
        return True


@dataclass(frozen=True)
class _Part:
    """R texts that attention reads at a time, padded to the longest of them: S elements."""

    element: Tensor
    """(E,) int64: those that are there, text by text: flat indices into the elements of the batch."""
    there: Tensor
    """(R, S) bool"""
    place: Tensor
    """(R, S) int64: where in `element` each is; some other's place where there is none."""
    log_weight: Tensor
    """(R, 1, 1, S): minus infinity where there is none."""


def _parts(weight: Tensor) -> list[_Part]:
    """The texts of a batch by their lengths, given the weights (B, S) of their elements."""
    there = weight > 0
    counts = there.sum(1)
    order = counts.argsort(stable=True)
    parts = []
    for rows in torch.split(order, _PART if weight.device.type == "cpu" else len(order)):
        text, column = there[rows].nonzero(as_tuple=True)
        longest, of_text = int(counts[rows[-1]]), counts[rows].unsqueeze(1)
        nth = torch.arange(longest, device=weight.device)
        is_there = nth < of_text
        place = ((of_text.cumsum(0) - of_text) + nth).where(is_there, 0)
        element = rows[text] * weight.shape[1] + column
        seen = weight.flatten()[element][place].log().masked_fill(~is_there, -torch.inf)
        parts.append(_Part(element, is_there, place, seen[:, None, None, :]))
    return parts


class _Layer(nn.Module):
    """Attention, then a hidden layer of 2·D for each element; both add to what they read."""

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(width)
        self.asked = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 2 * width)
        self.outer = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, parts: Sequence[_Part]) -> Tensor:
        """(E, D) to (E, D)."""
        x = x + self._dropped(self.mixed(self._attended(self.attention_norm(x), parts)))
        hidden = self._dropped(self.inner(self.norm(x)).relu())
        return x + self._dropped(self.outer(hidden))

    def _attended(self, x: Tensor, parts: Sequence[_Part]) -> Tensor:
        asked = self.asked(x).split([len(part.element) for part in parts])
        return torch.cat([self._of_part(some, part) for some, part in zip(asked, parts, strict=True)])

    def _of_part(self, asked: Tensor, part: _Part) -> Tensor:
        """What the elements of some texts get from those of their text."""
        R, S = part.place.shape
        padded = asked.index_select(0, part.place.flatten())
        query, key, value = padded.view(R, S, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)  # (R, heads, S, ·)
        attended = F.scaled_dot_product_attention(query, key, value, part.log_weight.expand(R, 1, S, S))
        return attended.transpose(1, 2).reshape(R, S, -1)[part.there]

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)
