"""What initializers of n-grams share: from chosen n-grams to a vocabulary, and the checks of their lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tokenlayer.errors import InputError
from tokenlayer.vocabularies.base import InitializerContext

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Ngram, Vocabulary

_COUNTED_AT_ONCE = 1 << 21  # n-grams that are listed within some seconds

MAY_REPEAT = 1000
"""As many random tokens are drawn from any text, some of them several times if need be: a rule replaces those."""
NGRAM_LENGTHS = tuple(range(5, 14))
"""The original's lengths of n-grams."""


class TooFewTokensError(InputError):
    """The texts do not yield as many different tokens as are asked for.

    Attributes:
        there_are: a bound on how many they do yield, below what is asked for.

    """

    def __init__(self, message: str, there_are: int) -> None:
        super().__init__(message)
        self.there_are = there_are


def vocabulary_of(ngrams: Sequence[Ngram], context: InitializerContext, remedy: str) -> Vocabulary:
    """The n-grams as tokens, with blanks behind them.

    Args:
        ngrams: N of them, each of at most K codes.
        context: N and K.
        remedy: what a user can do where there are fewer than N.

    Raises:
        InputError: there are fewer than N.

    """
    from tokenlayer.layer.vocabulary import Vocabulary

    if len(ngrams) < context.vocab_size:
        raise InputError(
            f"model.vocab_size={context.vocab_size}, but there are only {len(ngrams)} such tokens: {remedy}"
        )
    return Vocabulary.of_ngrams(ngrams, context.max_token_length)


def check_at_most(
    context: InitializerContext, at_most: int, remedy: str, *, counted_at_once: int = _COUNTED_AT_ONCE
) -> None:
    """Refuse at once more tokens than there can be, where it would take long to count those that there are.

    Args:
        context: N.
        at_most: a bound on the number of tokens that there are.
        remedy: what a user can do.
        counted_at_once: as many are counted one by one within some seconds.

    Raises:
        InputError: N is above the bound, and the bound too large to count.

    """
    if context.vocab_size > at_most > counted_at_once:
        raise TooFewTokensError(
            f"model.vocab_size={context.vocab_size}, but there are at most {at_most} such tokens: {remedy}", at_most
        )


def check_corpus(ngram_lengths: Sequence[int], n_characters: int) -> None:
    """Raise InputError unless a corpus of `n_characters` has n-grams of all of these lengths."""
    if n_characters < max(ngram_lengths):
        raise InputError(
            f"the corpus has {n_characters} characters, fewer than the longest n-gram"
            f" ({max(ngram_lengths)}): give more text, raise initializer.corpus.cap, or shorten"
            " initializer.ngram_lengths"
        )


def check_fit(ngram_lengths: Sequence[int], max_token_length: int) -> None:
    """Raise InputError unless tokens of `max_token_length` (K) columns hold n-grams of these lengths."""
    if max(ngram_lengths) > max_token_length:
        raise InputError(
            f"tokens of {max_token_length} characters cannot hold n-grams of {max(ngram_lengths)}:"
            " raise model.max_token_length or shorten initializer.ngram_lengths"
        )


def length_problems(ngram_lengths: Sequence[int]) -> Iterator[tuple[str, str]]:
    """Problems of the field `ngram_lengths` of a configuration."""
    if not ngram_lengths or min(ngram_lengths) < 1:
        yield "ngram_lengths", "must hold at least one length, each at least 1"
