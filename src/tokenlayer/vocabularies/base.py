"""What an initializer is, and what its configuration tells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from tokenlayer.layer.matchers import EveryMatch, Matcher
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts

DEFAULT_TOKEN_LENGTH = 13
"""K of the seed: the longest of the n-grams that its patterns start from."""


class PatternsInitializer(Protocol):
    """Makes the initial patterns of a `TokenizationLayer`."""

    n_characters: int | None
    """C, if the initializer knows it."""

    def __call__(self, shape: tuple[int, int, int]) -> Tensor:
        """Patterns of shape (C, K, N), of torch's default dtype."""


@runtime_checkable
class TeachesMatcher(Protocol):
    """An initializer that learns, beside patterns, which of their occurrences count."""

    def teach(self, matcher: Matcher) -> None:
        """Hand over what it has learned, once it has made the patterns, to what its configuration has made."""


@dataclass
class CorpusConfig:
    """Which texts an initializer draws from: joined by a space, at their full length."""

    scope: Literal["train", "all"] = "train"
    """train: the training texts; all: those of every split, as the seed does."""
    cap: int | None = None
    """Use only so many characters, from the start of the joined texts (the seed: 10,000,000); null: all."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.cap is not None and self.cap < 1:
            yield "cap", "must be at least 1, or null for all characters"


@dataclass
class InitializerConfig(ABC):
    """Configuration of an initializer."""

    def wanted_corpus(self) -> CorpusConfig | None:
        """The texts that `build` is to be given; None: it needs none."""
        return None

    def default_token_length(self) -> int:
        """K where the model's configuration leaves it open."""
        return DEFAULT_TOKEN_LENGTH

    def min_token_length(self) -> int:
        """The smallest K that can hold what it makes, as far as the settings alone tell."""
        return 1

    def matcher(self, alphabet: Alphabet) -> Matcher:
        """Which occurrences of its patterns count, where they are fixed; by default all."""
        return EveryMatch()

    @abstractmethod
    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializer:
        """The initializer.

        Args:
            corpus: (S,) codes of the texts that `wanted_corpus` names.
            alphabet: what the codes stand for.
            generator: its source of randomness, on the CPU; None: torch's global one.
            texts: the training texts with their labels, for those that choose by them.

        Raises:
            InputError: the corpus does not do.

        """
