"""Settings of the original's patterns from n-grams of the texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tokenlayer.original.initializer import OriginalInitializerConfig
from tokenlayer.vocabularies.base import CorpusConfig, InitializerContext
from tokenlayer.vocabularies.ngrams import NGRAM_LENGTHS, check_corpus, length_problems
from tokenlayer.vocabularies.random_ngrams import check_drawable

if TYPE_CHECKING:
    from torch import Tensor


Padding = Literal["noise", "blank"]


@dataclass
class MaxCoverConfig(OriginalInitializerConfig):
    """Patterns that start as n-grams of the corpus, drawn by their frequency."""

    ngram_lengths: list[int] = field(default_factory=lambda: list(NGRAM_LENGTHS))
    """Lengths of the n-grams; each pattern draws its own, uniformly."""
    filter_over: int = 1
    """Only n-grams that occur more than this many times are drawn."""
    padding: Padding = "noise"
    """What follows an n-gram shorter than the pattern. noise: random characters, as the original has it, so that
    hardly anything but the longest n-grams can match; blank: columns that accept anything."""
    corpus: CorpusConfig = field(default_factory=lambda: CorpusConfig("all", 10_000_000))
    """The texts that the n-grams come from."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        yield from length_problems(self.ngram_lengths)
        if self.filter_over < 0:
            yield "filter_over", "must not be negative"

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths, default=1)

    def patterns(self, context: InitializerContext) -> Tensor:
        """Noisy patterns (C, K, N) around n-grams of the corpus."""
        from tokenlayer.original.max_cover_initializer import PatternsInitializerMaxCover

        corpus = context.corpus(self.corpus)
        check_corpus(self.ngram_lengths, len(corpus))
        check_drawable(context, corpus, self.ngram_lengths, self.filter_over)
        initializer = PatternsInitializerMaxCover(
            corpus,
            context.alphabet.chars,
            self.ngram_lengths,
            self.filter_over,
            padding=self.padding,
            generator=context.generator,
        )
        return initializer((context.alphabet.size, context.max_token_length, context.vocab_size))
