"""Token layer → embedding → head → logits: the network that is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from tokenlayer.errors import InputError
from tokenlayer.layer.base import TokenLayer
from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.heads.base import Head, HeadConfig
from tokenlayer.models.layer_statistics import LayerStatistics, ModelStatistics
from tokenlayer.models.losses import cross_entropy
from tokenlayer.models.output import ModelOutput


class TokenizationClassifier(nn.Module):
    """A classifier of texts by the tokens that they hold.

    Args:
        tokenization: the layer, N tokens.
        embedding: (N, D), a vector for each.
        head: matches and vectors → logits (B, n_outputs).
        n_classes: classes of the data.
        n_outputs: 1 for one sigmoid output, the probability of class 1; else the number of classes, for a softmax.

    """

    def __init__(
        self, tokenization: TokenLayer, embedding: TokenEmbedding, head: Head, n_classes: int, n_outputs: int
    ) -> None:
        super().__init__()
        self.tokenization = tokenization
        self.embedding = embedding
        self.head = head
        self.n_classes = n_classes
        self.n_outputs = n_outputs

    def forward(self, codes: Tensor) -> ModelOutput:
        """Classify texts of codes (B, L)."""
        tokens = self.tokenization(codes)
        head = self.head(tokens, self.embedding)
        return ModelOutput(head.logits, head.embedded, head.hidden, tokens)

    def loss(self, output: ModelOutput, labels: Tensor) -> Tensor:
        """Mean cross-entropy of the output and integer labels (B,)."""
        return cross_entropy(output.logits, labels)

    def embedding_l2(self, tokens: Tokenized) -> Tensor:
        """Half the square of what each token of a text adds to the logits, summed over the text, mean over the batch.

        In expectation ½ Σ_n f_n ‖W E_n‖², f_n being the share of texts that hold token n, W the head's readout (the
        identity, where it has none): the ridge penalty of features scaled to unit variance, which holds frequent and
        rare tokens back alike. A penalty on E alone would hold back nothing: W would grow instead.
        """
        weight, readout = self.embedding.weight, self.head.readout()
        effects = weight if readout is None else weight @ readout.T  # (N, n_outputs)
        squares = effects.square().sum(1)
        return squares[tokens.matches.distinct().token_id].sum() / (2 * tokens.codes.shape[0])

    def statistics(self) -> ModelStatistics:
        """What `grads_log` and `vals_log` record of this model."""
        readouts = self.head.readout_layers()
        return LayerStatistics(
            self,
            zero_sum=(*self.head.centred_modules(), *(readouts if self.n_outputs > 1 else ())),
            mirrored=readouts if self.n_outputs == 2 else (),
            embedding_is_centred=self.head.centres_embedded,
        )


@dataclass
class ModelConfig:
    """The classifier: how many tokens, how long, how they are embedded, and what reads them."""

    classifier: ClassVar[type[TokenizationClassifier]] = TokenizationClassifier

    head: HeadConfig
    """What reads the embedded text."""
    vocab_size: int = 500
    """N, the number of tokens."""
    max_token_length: int | None = None
    """K, the longest token in characters; null: as long as initializer and learning rule need."""
    embedding_dim: int | None = None
    """D, the length of a token's vector; null: the number of outputs, which is all that a linear head can use."""
    embedding_l2: float | None = None
    """Ridge penalty on what a text's tokens add to the logits (see `TokenizationClassifier.embedding_l2`); null:
    chosen by the numbers of tokens and of training texts."""
    loss: Literal["auto", "binary", "cross_entropy"] = "auto"
    """binary: one sigmoid output; cross_entropy: a softmax over the classes; auto: binary for two classes."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        for field in ("vocab_size", "max_token_length", "embedding_dim"):
            value = getattr(self, field)
            if value is not None and value < 1:
                yield field, "must be at least 1"
        if self.embedding_l2 is not None and self.embedding_l2 < 0:
            yield "embedding_l2", "must not be negative"

    def n_outputs(self, n_classes: int) -> int:
        """1 for a sigmoid, else the number of classes.

        Raises:
            InputError: a sigmoid cannot tell more than two classes apart.

        """
        if self.loss == "binary" and n_classes != 2:
            raise InputError(f"model.loss=binary is for two classes, the data has {n_classes}: use model.loss=auto")
        binary = self.loss == "binary" or (self.loss == "auto" and n_classes == 2)
        return 1 if binary else n_classes

    def build(self, layer: TokenLayer, text_length: int, n_classes: int) -> TokenizationClassifier:
        """The model for texts of `text_length` (L) characters; its weights are drawn from torch's global generator.

        Args:
            layer: the token layer, of `vocab_size` tokens.
            text_length: L.
            n_classes: classes of the data.

        """
        n_outputs = self.n_outputs(n_classes)
        D = self.embedding_dim or n_outputs
        return self.classifier(
            layer,
            TokenEmbedding(self.vocab_size, D),
            self.head.build(self.vocab_size, text_length, D, n_outputs),
            n_classes,
            n_outputs,
        )
