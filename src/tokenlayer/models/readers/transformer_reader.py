"""A transformer whose elements have weights."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tokenlayer.models.heads.places import N_WAVES, waves
from tokenlayer.models.readers.reader import Reader


class TransformerReader(Reader):
    """Layers of attention and of a network for each element, and the mean over the elements.

    The logarithm of an element's weight is added to what attention sees of it, so that after the softmax it has the
    attention of so many elements alike; the mean is weighted. Layers normalise what they read (pre-norm). Each element
    knows its place in the text, by sines and cosines of it.

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
        x = x + self.places(waves(position, self.text_length, x.dtype))
        log_weight = weight.log()[:, None, None, :]
        for layer in self.layers:
            x = layer(x, log_weight)
        share = weight / weight.sum(1, keepdim=True)
        pooled: Tensor = (share.unsqueeze(1) @ self.norm(x)).squeeze(1)
        return pooled

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

    def forward(self, x: Tensor, log_weight: Tensor) -> Tensor:
        """(B, S, D) and (B, 1, 1, S) to (B, S, D)."""
        x = x + self._dropped(self.mixed(self._attended(self.attention_norm(x), log_weight)))
        hidden = self._dropped(self.inner(self.norm(x)).relu())
        return x + self._dropped(self.outer(hidden))

    def _attended(self, x: Tensor, log_weight: Tensor) -> Tensor:
        B, S, D = x.shape
        query, key, value = self.asked(x).view(B, S, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)  # (B, heads, S, ·)
        attended = F.scaled_dot_product_attention(query, key, value, log_weight.expand(B, 1, S, S))
        return attended.transpose(1, 2).reshape(B, S, D)

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)
