"""The original's head: flatten → batch normalisation → dense → out (seed document, "Defining the Model")."""

from __future__ import annotations

from torch import Tensor, nn

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.heads.head import Head, HeadOutput
from tokenlayer.original import keras


class FlattenHead(Head):
    """Every position of the text has weights of its own; the dense layer has no activation.

    Args:
        n_features: L·D.
        hidden: width of the dense layer.
        n_outputs: 1 for a sigmoid, else the number of classes.
        batch_norm: normalise the flattened text over the batch.

    """

    def __init__(self, n_features: int, hidden: int, n_outputs: int, batch_norm: bool = True) -> None:
        super().__init__()
        self.batch_norm = keras.BatchNorm(n_features) if batch_norm else None
        self.centres_embedded = batch_norm
        self.dense = keras.dense(n_features, hidden)
        self.out = keras.dense(hidden, n_outputs)

    def forward(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        embedded = embedding(tokens)  # (B, L, D)
        return self.read(embedded)

    def read(self, embedded: Tensor) -> HeadOutput:
        """(B, L, D), however it was made."""
        x = embedded.flatten(1)  # (B, L·D)
        if self.batch_norm is not None:
            x = self.batch_norm(x)
        dense = self.dense(x)  # (B, hidden)
        return HeadOutput(self.out(dense), embedded, dense)

    def readout_layers(self) -> tuple[nn.Linear, ...]:
        return (self.out,)
