"""The original's model: its classifier with Keras's losses, and every stage of a forward pass."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.models.layer_statistics import ModelStatistics
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.models.output import ModelOutput
from tokenlayer.original.flatten_head import FlattenHead
from tokenlayer.original.keras import binary_crossentropy, categorical_crossentropy
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.statistics import OriginalStatistics


class OriginalClassifier(TokenizationClassifier):
    """A classifier that is trained with Keras's clipped losses."""

    def loss(self, output: ModelOutput, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Keras's mean cross-entropy of probabilities and integer labels (B,).

        Raises:
            ValueError: texts have weights, which the original does not know.

        """
        if weights is not None:
            raise ValueError("the original knows no weights of texts: leave them out")
        if self.n_outputs == 1:
            return binary_crossentropy(output.probabilities, labels)
        return categorical_crossentropy(output.probabilities, labels)

    def statistics(self) -> ModelStatistics:
        """The original's 20 columns, where the model has all of the original's parts."""
        if isinstance(self.tokenization, TokenizationLayer) and isinstance(self.head, FlattenHead):
            return OriginalStatistics(self)
        return super().statistics()

    def stages(self, codes: Tensor) -> Stages:
        """Every stage of a forward pass on codes (B, L)."""
        return Stages(self(codes), self.embedding)


@dataclass(frozen=True)
class Stages:
    """What the original's model returns beside its output; the dense tensors are made only when they are read."""

    output: ModelOutput
    embedding_layer: TokenEmbedding

    @property
    def out(self) -> Tensor:
        """(B,) probability of class 1, or (B, n_classes) probabilities."""
        return self.output.probabilities

    @property
    def dense(self) -> Tensor | None:
        """(B, hidden), None where the head has no dense layer."""
        return self.output.hidden

    @property
    def embedding(self) -> Tensor:
        """(B, L, D) embedded text; made now where the head needs no such tensor."""
        embedded = self.output.embedded
        return embedded if embedded.dim() == 3 else self.embedding_layer(self.output.tokens)

    @property
    def flatten(self) -> Tensor:
        """(B, L·D) embedded text, flattened."""
        return self.embedding.flatten(1)

    @property
    def tokenization(self) -> Tensor:
        """(B, N, L) dense matches. Large."""
        return self.output.tokens.dense()

    @property
    def lambda1(self) -> Tensor:
        """(B, L, N) dense matches, transposed for an embedding, as in the original. Large."""
        return self.tokenization.transpose(1, 2)
