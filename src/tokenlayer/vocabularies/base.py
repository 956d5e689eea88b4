"""What an initializer is: it chooses the first tokens of a vocabulary, from the training texts or without them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tokenlayer.data.settling import OpenSettings
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts

if TYPE_CHECKING:
    import torch

    from tokenlayer.layer.base import TokenLayer
    from tokenlayer.layer.matchers import Matcher
    from tokenlayer.layer.vocabulary import Vocabulary

DEFAULT_TOKEN_LENGTH = 13
"""K where nothing asks for another: the longest n-gram of the original, and longer than most English words."""


@dataclass
class CorpusConfig:
    """The texts that an initializer draws from: joined by a space, at their full length."""

    scope: Literal["train", "all"] = "train"
    """train: the training texts; all: those of every split, as in the original."""
    cap: int | None = None
    """Use only so many characters, from the start of the joined texts (the original: 10,000,000); null: all."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        if self.cap is not None and self.cap < 1:
            yield "cap", "must be at least 1, or null for all characters"


@dataclass(frozen=True)
class InitializerContext:
    """What an initializer is given."""

    vocab_size: int
    """N, the number of tokens to make."""
    max_token_length: int
    """K, the number of columns of a token."""
    alphabet: Alphabet
    texts: TrainingTexts
    """The labelled training texts, cut and padded as the model sees them."""
    corpus: Callable[[CorpusConfig], Codes]
    """Gives the codes (S,) of the texts that a configuration names, joined and uncut."""
    generator: torch.Generator
    """The source of randomness, on the CPU."""
    matcher: Matcher
    """What will match the tokens, made by the initializer's configuration; one that learns how to is taught here."""
    most_read: int | None = None
    """Tokens that the model reads of a text, at most; None: all."""


@dataclass
class InitializerConfig(OpenSettings, ABC):
    """Configuration of an initializer."""

    def default_token_length(self) -> int:
        """K where the model's configuration leaves it open."""
        return DEFAULT_TOKEN_LENGTH

    def min_token_length(self) -> int:
        """The smallest K that can hold the tokens, as far as the settings alone determine it."""
        return 1

    def matcher(self, alphabet: Alphabet) -> Matcher:
        """What decides which occurrences of its tokens count as matches; by default all do.

        Raises:
            InputError: the alphabet lacks what the matcher needs.

        """
        from tokenlayer.layer.matchers import EveryMatch

        return EveryMatch()

    @abstractmethod
    def build(self, context: InitializerContext) -> Vocabulary:
        """N tokens of K columns.

        Raises:
            InputError: the texts do not yield N such tokens.

        """

    def fill(self, make_layer: Callable[[], TokenLayer], context: InitializerContext) -> TokenLayer:
        """A layer with the first tokens. These are chosen before the layer is made, which takes memory for N of them.

        Args:
            make_layer: makes a layer of N tokens and K columns.
            context: what the tokens are chosen from.

        Raises:
            InputError: as `build`.

        """
        vocabulary = self.build(context)
        layer = make_layer()
        layer.set_vocabulary(vocabulary, context.generator)
        return layer
