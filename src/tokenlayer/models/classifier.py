"""Tokenization layer → embedding → head → probabilities: the network that is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, overload

from torch import Tensor, nn

from tokenlayer.errors import InputError
from tokenlayer.layer.layer import EmbeddingLayer, Initializer, TokenizationLayer, Tokenized, VocabularyLayer
from tokenlayer.layer.matchers import Matcher
from tokenlayer.models.heads.base import Head, HeadConfig
from tokenlayer.original import keras


@dataclass(frozen=True)
class Intermediates:
    """Every stage of one forward pass; the dense tensors that the seed returns are made only when read."""

    out: Tensor
    """(B,) probability of class 1, or (B, n_classes) probabilities."""
    logits: Tensor
    """(B, n_outputs)"""
    dense: Tensor | None
    """(B, hidden), None where the head has no dense layer."""
    embedded: Tensor
    """What the head made of the tokens' vectors, (B, L, D) or (B, D): see `HeadOutput.embedded`."""
    tokens: Tokenized
    """The matches."""
    embedding_layer: EmbeddingLayer
    """What embeds them."""

    @property
    def embedding(self) -> Tensor:
        """(B, L, D) embedded text; made now where the head needs no such tensor."""
        return self.embedded if self.embedded.dim() == 3 else self.embedding_layer(self.tokens)

    @property
    def flatten(self) -> Tensor:
        """(B, L·D)"""
        return self.embedding.flatten(1)

    @property
    def tokenization(self) -> Tensor:
        """(B, N, L) dense matches. Large."""
        return self.tokens.dense()

    @property
    def lambda1(self) -> Tensor:
        """(B, L, N) dense matches, transposed for an embedding, as in the seed. Large."""
        return self.tokenization.transpose(1, 2)


class TokenizationClassifier(nn.Module):
    """The seed's model with a head of choice.

    Args:
        tokenization: the layer, N patterns.
        embedding: (N, D).
        head: matches and vectors → logits (B, n_outputs).
        n_classes: classes of the data.
        n_outputs: 1: one sigmoid output, the probability of class 1; else a softmax over the classes.

    """

    def __init__(
        self,
        tokenization: TokenizationLayer | VocabularyLayer,
        embedding: EmbeddingLayer,
        head: Head,
        n_classes: int,
        n_outputs: int,
    ) -> None:
        super().__init__()
        self.tokenization = tokenization
        self.embedding = embedding
        self.head = head
        self.n_classes = n_classes
        self.n_outputs = n_outputs

    @overload
    def forward(self, codes: Tensor, return_intermediates: Literal[False] = False) -> Tensor: ...
    @overload
    def forward(self, codes: Tensor, return_intermediates: Literal[True]) -> Intermediates: ...
    def forward(self, codes: Tensor, return_intermediates: bool = False) -> Tensor | Intermediates:
        """Codes (B, L) to probabilities: (B,) of class 1, or (B, n_classes)."""
        tokens = self.tokenization(codes)
        head = self.head(tokens, self.embedding)
        out = self.probabilities(head.logits)
        if not return_intermediates:
            return out
        return Intermediates(out, head.logits, head.dense, head.embedded, tokens, self.embedding)

    def probabilities(self, logits: Tensor) -> Tensor:
        """(B, n_outputs) logits to (B,) or (B, n_classes) probabilities."""
        return logits.squeeze(1).sigmoid() if self.n_outputs == 1 else logits.softmax(1)

    def loss(self, out: Tensor, labels: Tensor) -> Tensor:
        """Keras's cross-entropy of probabilities and integer labels (B,)."""
        if self.n_outputs == 1:
            return keras.binary_crossentropy(out, labels)
        return keras.categorical_crossentropy(out, labels)

    def embedding_l2(self, tokens: Tokenized) -> Tensor:
        """Half the square of what each token of a text adds to the logits, summed over the text, mean over the batch.

        In expectation ½ Σ_n f_n ‖W E_n‖², f_n being the share of texts that hold token n, W the head's readout (the
        identity, where it has none): the ridge penalty of features scaled to unit variance, which holds frequent and
        rare tokens back alike. Of E alone it would hold back nothing: W would grow instead.
        """
        weight, readout = self.embedding.weight, self.head.readout()
        effects = weight if readout is None else weight @ readout.T  # (N, n_outputs)
        squares = effects.square().sum(1)
        return squares[tokens.matches.distinct().token_id].sum() / (2 * tokens.codes.shape[0])

    def logged_parameters(self) -> dict[str, Tensor]:
        """The parameters that `grads_log` and `vals_log` describe, by the seed's names in snake case."""
        known = {**self.head.logged_parameters(), "embedding_kernel": self.embedding.weight}
        if isinstance(self.tokenization, TokenizationLayer):
            known["patterns"] = self.tokenization.patterns
        return known


@dataclass
class ModelConfig:
    """The classifier: how many patterns, how long, how they are embedded, and what reads them."""

    head: HeadConfig
    """What reads the embedded text."""
    vocab_size: int = 500
    """N, the number of patterns."""
    max_token_length: int | None = None
    """K, the length of a pattern; null: the longest n-gram of the initializer (13 where it draws none)."""
    embedding_dim: int | None = 1
    """D, the length of a pattern's vector; null: the number of outputs, which is all that a linear head can use."""
    embedding_l2: float | None = 0.0
    """Ridge penalty on what a text's tokens add to the logits (see `TokenizationClassifier.embedding_l2`); null:
    chosen by the numbers of tokens and of training texts."""
    loss: Literal["auto", "binary", "cross_entropy"] = "auto"
    """binary: one sigmoid output; cross_entropy: a softmax over the classes; auto: binary for two classes."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
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

    def build(
        self,
        initializer: Initializer,
        max_token_length: int,
        n_characters: int,
        text_length: int,
        n_classes: int,
        *,
        matcher: Matcher | None = None,
        trains_characters: bool = True,
    ) -> TokenizationClassifier:
        """The model for codes (B, text_length) over n_characters; initial values come from torch's global generator.

        Args:
            initializer: makes the initial patterns.
            max_token_length: K.
            n_characters: C.
            text_length: L.
            n_classes: of the data.
            occurrences: which occurrences of fixed patterns count; by default all.
            trains_characters: whether a gradient moves the patterns' characters, as in the seed, or a learning rule
                replaces patterns as wholes.

        """
        n_outputs = self.n_outputs(n_classes)
        D = self.embedding_dim or n_outputs
        return TokenizationClassifier(
            TokenizationLayer(self.vocab_size, initializer, max_token_length, n_characters)
            if trains_characters
            else VocabularyLayer(self.vocab_size, initializer, max_token_length, n_characters, matcher),
            EmbeddingLayer(D, self.vocab_size),
            self.head.build(self.vocab_size, text_length, D, n_outputs),
            n_classes,
            n_outputs,
        )
