"""Settings of the network: token layer → embedding → head → logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from tokenlayer.data.profile import TextProfile
from tokenlayer.data.settling import Choice, OpenSettings, Plan
from tokenlayer.errors import InputError
from tokenlayer.models.heads.base import HeadConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.selection.penalty import ridge_penalty

if TYPE_CHECKING:
    from tokenlayer.layer.base import TokenLayer
    from tokenlayer.models.heads.head import Head
    from tokenlayer.models.network import TokenizationClassifier


@dataclass(kw_only=True)
class ClassifierConfig(OpenSettings, ABC):
    """What every network has: tokens, how many and how long, and a loss; a subclass says what reads them."""

    open_fields: ClassVar[tuple[str, ...]] = ("embedding_l2",)

    vocab_size: int = 500
    """N, the number of tokens."""
    max_token_length: int | None = None
    """K, the longest token in characters; null: as long as initializer and learning rule need."""
    embedding_l2: float | None = None
    """Ridge penalty on what a text's tokens add to the logits (see `TokenizationClassifier.embedding_l2`); null:
    chosen by the numbers of tokens and of training texts."""
    loss: Literal["auto", "binary", "cross_entropy"] = "auto"
    """binary: one sigmoid output; cross_entropy: a softmax over the classes; auto: binary for two classes."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        for name in ("vocab_size", "max_token_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                yield name, "must be at least 1"
        if self.embedding_l2 is not None and self.embedding_l2 < 0:
            yield "embedding_l2", "must not be negative"

    def settle(self, texts: TextProfile, plan: Plan) -> Iterable[Choice]:  # noqa: ARG002 (for subclasses)
        """The fewer texts there are for a token, the less is it trusted."""
        N, n = self.vocab_size, texts.n_texts
        yield Choice("embedding_l2", ridge_penalty(N, n), f"{N} tokens, {n} training texts")

    def most_read(self) -> int | None:
        """Tokens that are read of a text, at most; None: all."""
        return None

    def n_outputs(self, n_classes: int) -> int:
        """1 for a sigmoid, else the number of classes.

        Raises:
            InputError: a sigmoid cannot tell more than two classes apart.

        """
        if self.loss == "binary" and n_classes != 2:
            raise InputError(f"model.loss=binary is for two classes, the data has {n_classes}: use model.loss=auto")
        binary = self.loss == "binary" or (self.loss == "auto" and n_classes == 2)
        return 1 if binary else n_classes

    @abstractmethod
    def vector_length(self, n_classes: int) -> int:
        """D, the length of the vector that stands for a token."""

    @abstractmethod
    def build_head(self, layer: TokenLayer, text_length: int, n_classes: int) -> Head:
        """What reads the tokens, for the arguments of `build`."""

    def network(self) -> type[TokenizationClassifier]:
        """The class of the network."""
        from tokenlayer.models.network import TokenizationClassifier

        return TokenizationClassifier

    def build(self, layer: TokenLayer, text_length: int, n_classes: int) -> TokenizationClassifier:
        """The model for texts of `text_length` (L) characters; its weights are drawn from torch's global generator.

        Args:
            layer: the token layer, of `vocab_size` tokens.
            text_length: L.
            n_classes: classes of the data.

        """
        from tokenlayer.layer.embedding import TokenEmbedding

        return self.network()(
            layer,
            TokenEmbedding(self.vocab_size, self.vector_length(n_classes)),
            self.build_head(layer, text_length, n_classes),
            n_classes,
            self.n_outputs(n_classes),
        )


@dataclass
class ModelConfig(ClassifierConfig):
    """The classifier with a head: how many tokens, how long, how they are embedded, and what reads them."""

    head: HeadConfig = field(default_factory=PoolHeadConfig)
    """What reads the embedded text."""
    embedding_dim: int | None = None
    """D, the length of a token's vector; null: the number of outputs, which is all that a linear head can use."""

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from super().problems()
        if self.embedding_dim is not None and self.embedding_dim < 1:
            yield "embedding_dim", "must be at least 1"

    def vector_length(self, n_classes: int) -> int:
        return self.embedding_dim or self.n_outputs(n_classes)

    def build_head(self, layer: TokenLayer, text_length: int, n_classes: int) -> Head:  # noqa: ARG002 (for heads that go by the layer)
        D, n_outputs = self.vector_length(n_classes), self.n_outputs(n_classes)
        return self.head.build(self.vocab_size, text_length, D, n_outputs)
