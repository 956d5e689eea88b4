"""Settings of the network that reads tokens in their order and nothing beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tokenlayer.errors import InputError
from tokenlayer.models.classifier import ClassifierConfig
from tokenlayer.models.readers.base import ReaderConfig
from tokenlayer.models.readers.transformer import TransformerReaderConfig

if TYPE_CHECKING:
    from tokenlayer.layer.base import TokenLayer
    from tokenlayer.models.heads.sequence_head import SequenceHead

Keep = Literal["first", "spread", "strongest"]


@dataclass(kw_only=True)
class SequenceModelConfig(ClassifierConfig):
    """The classifier of token sequences: how many tokens, how many of a text's are read, and what reads them."""

    reader: ReaderConfig = field(default_factory=TransformerReaderConfig)
    """What reads the sequence (group `model/reader`)."""
    max_tokens: int = 128
    """Matches of a text that are read at most."""
    keep: Keep = "first"
    """The matches that are read of a text with more: the first ones; some spread evenly over all; or those whose token
    vectors are the longest (strongest), in their order. The vector of a new token is zero: in a text that is full, the
    strongest leave it out."""
    token_dropout: float = 0.1
    """Share of a text's tokens that are left out in training, each time others, so that no token is relied on alone."""
    embedding_l2: float | None = 0.0
    """Ridge penalty on the vectors of a text's tokens."""

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from super().problems()
        if self.max_tokens < 1:
            yield "max_tokens", "must be at least 1"
        if not 0 <= self.token_dropout < 1:
            yield "token_dropout", "must be at least 0 and below 1"

    def most_read(self) -> int:
        return self.max_tokens

    def vector_length(self, n_classes: int) -> int:  # noqa: ARG002 (the same for any number)
        return self.reader.width

    def build_head(self, layer: TokenLayer, text_length: int, n_classes: int) -> SequenceHead:
        """The head.

        Raises:
            InputError: the tokens of the layer are real-valued patterns, which are moved by a gradient of matches.

        """
        from tokenlayer.layer.vocabulary_layer import VocabularyLayer
        from tokenlayer.models.heads.sequence_head import SequenceHead

        if not isinstance(layer, VocabularyLayer):
            raise InputError(
                f"model: a sequence holds whole tokens, and no gradient reaches the patterns of a "
                f"{type(layer).__name__}: add learning_rule=graft, grow, random_regrow or frozen"
            )
        return SequenceHead(
            self.reader.build(text_length),
            self.reader.width,
            self.n_outputs(n_classes),
            self.max_tokens,
            self.keep,
            self.reader.dropout,
            self.token_dropout,
            layer.n_characters,
        )
