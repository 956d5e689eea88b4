"""N-grams drawn at random from the corpus: the start of a learned vocabulary, and the control that it has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from tokenlayer.data.profile import TextProfile
from tokenlayer.data.settling import Choice, Plan
from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import BLANK, Codes
from tokenlayer.vocabularies.base import CorpusConfig, InitializerConfig, InitializerContext
from tokenlayer.vocabularies.ngrams import (
    MAY_REPEAT,
    TooFewTokensError,
    check_at_most,
    check_corpus,
    check_fit,
    length_problems,
)

# Bits that the shortest n-gram has to have. Those that a rule learns may be shorter: first tokens are drawn by
# frequency, which prefers the short ones that stand everywhere.
_LEAST_BITS = 21.0
_SHORTEST = 5

_BEGINNING = 1 << 16  # characters of a corpus whose n-grams are counted first
_COUNTED = 1 << 24  # places of a corpus whose n-grams are counted within some seconds
_LONGER = 8  # times as many are counted next

if TYPE_CHECKING:
    import torch

    from tokenlayer.layer.vocabulary import Vocabulary


def draw_rows(
    corpus: Codes,
    shape: tuple[int, int],
    ngram_lengths: Sequence[int],
    filter_over: int,
    padding: int,
    generator: torch.Generator | None = None,
) -> npt.NDArray[np.int64]:
    """N n-grams of the corpus: the length of each is drawn uniformly, then the n-gram in proportion to its count.

    Args:
        corpus: (S,) codes.
        shape: (N, K).
        ngram_lengths: the lengths to draw from, each at most K.
        filter_over: only n-grams that occur more often than this are drawn; shorter ones where none of a length does.
        padding: the code of the columns behind an n-gram that is shorter than K.
        generator: the source of randomness, on the CPU; None: torch's global one.

    Returns:
        (N, K) codes.

    Raises:
        InputError: no n-gram, not even a single character, occurs more than `filter_over` times.

    """
    import torch

    N, _ = shape
    lengths = torch.tensor(ngram_lengths)[torch.randint(len(ngram_lengths), (N,), generator=generator)]
    rows = np.full(shape, padding, dtype=np.int64)
    for length in sorted(set(ngram_lengths)):
        wanted = (lengths == length).numpy()
        drawn = _draw(corpus, length, int(wanted.sum()), filter_over, generator)
        rows[wanted, : drawn.shape[1]] = drawn
    return rows


def _draw(corpus: Codes, length: int, n: int, filter_over: int, generator: torch.Generator | None) -> Codes:
    """(n, length) codes, or of the next shorter n-grams that do occur often enough."""
    from tokenlayer.text.ngrams.drawing import draw_ngrams

    missing: InputError | None = None
    for shorter in range(length, 0, -1):
        try:
            return draw_ngrams(corpus, shorter, n, filter_over, generator)
        except InputError as error:
            missing = missing or error
    assert missing is not None
    raise missing


def check_drawable(
    context: InitializerContext,
    corpus: Codes,
    ngram_lengths: Sequence[int],
    filter_over: int,
    none_code: int | None = None,
) -> None:
    """Check that there are N different n-grams to draw, unless N is so small that some may be drawn several times.

    The default of 500 tokens has to do for small tables, too.

    Args:
        context: N.
        corpus: (S,) codes.
        ngram_lengths: the lengths to draw from, each at most S.
        filter_over: only n-grams that occur more often than this are drawn; shorter ones where none of a length does.
        none_code: the code that no n-gram may hold; None: any may.

    Raises:
        InputError: there are fewer; says how many.

    """
    N, lengths = context.vocab_size, sorted(set(ngram_lengths))
    if N <= MAY_REPEAT:
        return
    remedy = (
        "lower model.vocab_size or initializer.filter_over, add lengths to initializer.ngram_lengths, or give more text"
    )
    check_at_most(context, len(lengths) * len(corpus) // (filter_over + 1), remedy, counted_at_once=_COUNTED)
    # The beginning of a corpus most often has enough of them, and costs next to nothing.
    n, seen = 0, _BEGINNING
    while n < N and seen < len(corpus):
        n = sum(_count(corpus[:seen], length, filter_over, none_code) for length in lengths)
        seen *= _LONGER
    if n < N:
        drawn_from = {_drawn_length(corpus, length, filter_over, none_code) for length in lengths}
        n = sum(_count(corpus, length, filter_over, none_code) for length in drawn_from)
    if 0 < n < N:  # where there are none, drawing says why
        raise TooFewTokensError(
            f"model.vocab_size={N}, but the corpus holds only {n} different n-grams of initializer.ngram_lengths that "
            f"occur more than {filter_over} times: {remedy}",
            n,
        )


def _count(corpus: Codes, length: int, filter_over: int, none_code: int | None) -> int:
    from tokenlayer.text.ngrams.drawing import count_frequent

    return count_frequent(corpus, length, filter_over, none_code) if 0 < length <= len(corpus) else 0


def _drawn_length(corpus: Codes, length: int, filter_over: int, none_code: int | None) -> int:
    """The length itself, or the next shorter one of which there are n-grams; 0: there are none."""
    while length and not _count(corpus, length, filter_over, none_code):
        length -= 1
    return length


def redraw_outside(
    rows: npt.NDArray[np.int64],
    corpus: Codes,
    none_code: int,
    filter_over: int,
    generator: torch.Generator | None = None,
) -> None:
    """Replace, in place, each n-gram that holds a character outside the alphabet by another of its length.

    A token with the code for no character would match padding, and could not be decoded.

    Args:
        rows: (N, K) codes of `draw_rows`, padded with blanks.
        corpus: (S,) codes.
        none_code: C.
        filter_over: only n-grams that occur more often than this are drawn; shorter ones where none of a length does.
        generator: the source of randomness, on the CPU; None: torch's global one.

    Raises:
        InputError: no n-gram of characters of the alphabet alone, not even a single character, occurs so often.

    """
    import torch

    from tokenlayer.text.ngrams.drawing import frequent_positions

    outside = (rows == none_code).any(axis=1)
    if not outside.any():
        return
    lengths = (rows != BLANK).sum(axis=1)
    passed = np.concatenate([[0], np.cumsum(corpus == none_code, dtype=np.int32)])  # before each position
    for length in np.unique(lengths[outside]):
        mine = np.flatnonzero(outside & (lengths == length))
        for shorter in range(length, 0, -1):
            positions = frequent_positions(corpus, shorter, filter_over)
            positions = positions[passed[positions + shorter] == passed[positions]]
            if len(positions):
                break
        else:
            raise InputError(
                f"no character of the alphabet occurs more than {filter_over} times in the corpus: lower"
                " initializer.filter_over, or give an alphabet of the texts' own characters (dataset.alphabet)"
            )
        first = positions[torch.randint(len(positions), (len(mine),), generator=generator).numpy()]
        rows[mine] = BLANK
        rows[mine, :shorter] = corpus[first[:, None] + np.arange(shorter)]


@dataclass
class RandomNgramsConfig(InitializerConfig):
    """N-grams of the corpus, drawn by their frequency, with blanks behind them."""

    open_fields: ClassVar[tuple[str, ...]] = ("ngram_lengths",)

    ngram_lengths: list[int] | None = None
    """Lengths of the n-grams; each token draws its own, uniformly. null: chosen by the training texts."""
    filter_over: int = 1
    """Only n-grams that occur more than this many times are drawn."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    """The texts that the n-grams come from."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        if self.ngram_lengths is not None:
            yield from length_problems(self.ngram_lengths)
        if self.filter_over < 0:
            yield "filter_over", "must not be negative"

    def settle(self, texts: TextProfile, plan: Plan) -> Iterable[Choice]:
        """Lengths that tell something in the script of the texts."""
        lengths = texts.ngram_lengths(_LEAST_BITS, _SHORTEST, plan.longest_token)
        yield Choice("ngram_lengths", lengths, texts.said_of_characters())

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths or [1])

    def build(self, context: InitializerContext) -> Vocabulary:
        """N random n-grams: the same for the same texts, settings and generator."""
        import torch

        from tokenlayer.layer.vocabulary import Vocabulary

        assert self.ngram_lengths is not None, "settled"
        corpus, K = context.corpus(self.corpus), context.max_token_length
        check_corpus(self.ngram_lengths, len(corpus))
        check_fit(self.ngram_lengths, K)
        check_drawable(context, corpus, self.ngram_lengths, self.filter_over, context.alphabet.none_code)
        rows = draw_rows(
            corpus, (context.vocab_size, K), self.ngram_lengths, self.filter_over, BLANK, context.generator
        )
        redraw_outside(rows, corpus, context.alphabet.none_code, self.filter_over, context.generator)
        return Vocabulary(torch.from_numpy(rows))
