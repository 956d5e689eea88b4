"""Settings of the original's Gaussian patterns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.errors import InputError
from tokenlayer.original.initializer import OriginalInitializerConfig
from tokenlayer.vocabularies.base import CorpusConfig, InitializerContext

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class GaussianConfig(OriginalInitializerConfig):
    """Patterns of noise."""

    mean: float = 0.5
    """Mean of the normal distribution that every weight is drawn from."""
    stddev: float = 0.15
    """Its standard deviation."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        if self.stddev < 0:
            yield "stddev", "must not be negative"

    def patterns(self, context: InitializerContext) -> Tensor:
        """Random patterns (C, K, N)."""
        from tokenlayer.original.gaussian_initializer import PatternsInitializerGaussian

        n_characters = len(context.corpus(CorpusConfig()))
        if context.vocab_size > n_characters:  # before they take memory
            raise InputError(
                f"model.vocab_size={context.vocab_size}, but the training texts have {n_characters} characters: lower "
                "model.vocab_size, so that each pattern may find a place of its own, or give more text"
            )
        initializer = PatternsInitializerGaussian(self.mean, self.stddev, generator=context.generator)
        return initializer((context.alphabet.size, context.max_token_length, context.vocab_size))
