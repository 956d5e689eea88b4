"""A small transformer over the sequence of matched tokens, beside the linear head."""

from __future__ import annotations

import math

from torch import Tensor, nn

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.heads.head import Head, HeadOutput
from tokenlayer.models.heads.places import N_WAVES, waves
from tokenlayer.models.heads.pool_head import PoolHead
from tokenlayer.models.heads.sequence import TokenSequence, token_sequence


class AttentionHead(Head):
    """Logits of the linear head with presence, plus those of a transformer, which are zero before training.

    The transformer has token vectors of its own (N, width), so that the embedding may be as short as a linear head
    wants it. It reads the first `max_tokens` matches of a text in order of position, each with its place in the text,
    and the mean over them is its result. Matches behind these reach the logits by the linear path alone.

    The token gradient is that of the linear path: a token that is not there yet counts once for each text. What the
    transformer would make of it cannot be told from a gradient, as its vectors would be new there, too.

    Args:
        vocab_size: N.
        text_length: L.
        embedding_dim: D.
        n_outputs: 1 for a sigmoid, else the number of classes.
        width: length of a token's vector in the transformer.
        n_layers: transformer layers.
        n_heads: attention heads of a layer; divides `width`.
        dropout: share of the numbers that are zeroed in training: of the token vectors, and within each layer.
        max_tokens: the longest sequence.

    """

    binary_features = True
    reads_padding = False

    def __init__(
        self,
        vocab_size: int,
        text_length: int,
        embedding_dim: int,
        n_outputs: int,
        width: int,
        n_layers: int,
        n_heads: int,
        dropout: float,
        max_tokens: int,
    ) -> None:
        super().__init__()
        self.text_length = text_length
        self.max_tokens = max_tokens
        self.linear = PoolHead(embedding_dim, n_outputs, "presence")
        self.vectors = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.vectors.weight, std=1 / math.sqrt(width))
        self.places = nn.Linear(N_WAVES, width)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(_layer(width, n_heads, dropout) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, n_outputs)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        linear = self.linear(tokens, embedding)
        sequence = token_sequence(tokens.matches, self.max_tokens)
        return HeadOutput(linear.logits + self.out(self._read(sequence)), linear.embedded)

    def _read(self, sequence: TokenSequence) -> Tensor:
        """(B, width): the mean over the tokens of each text; zero where there are none."""
        places = self.places(waves(sequence.position, self.text_length, self.out.weight.dtype))
        x = self.dropout(self.vectors(sequence.token_id)) + places  # (B, S, width)
        hidden = ~sequence.there
        # A text without tokens may look at its first place: attention would divide by zero; the mean leaves it out.
        hidden[:, 0] = False
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=hidden)
        there = sequence.there.unsqueeze(2).to(x.dtype)
        pooled: Tensor = (self.norm(x) * there).sum(1) / there.sum(1).clamp(min=1)
        return pooled

    def readout(self) -> Tensor | None:
        return self.linear.readout()

    def token_parameters(self) -> tuple[Tensor, ...]:
        return (self.vectors.weight,)

    def readout_layers(self) -> tuple[nn.Linear, ...]:
        return (*self.linear.readout_layers(), self.out)

    def centred_modules(self) -> tuple[nn.Module, ...]:
        """All that is added to the stream of token vectors, which only layer normalisations read."""
        added: list[nn.Module] = [self.places, self.dropout]
        for layer in self.layers:
            assert isinstance(layer, nn.TransformerEncoderLayer)
            added += [layer, layer.dropout1, layer.dropout2]
            if not self.dropout.p:  # with dropout in between, a gradient is cut to a part of one that sums to zero
                added += [layer.self_attn.out_proj, layer.linear2]
        return (*added, *([] if self.dropout.p else [self.vectors]))


def _layer(width: int, n_heads: int, dropout: float) -> nn.TransformerEncoderLayer:
    layer = nn.TransformerEncoderLayer(
        width, n_heads, 2 * width, dropout, activation="relu", batch_first=True, norm_first=True
    )
    # Dropout of the (B, heads, S, S) attention would cost more than all the rest of the step.
    layer.self_attn.dropout = 0.0
    return layer
