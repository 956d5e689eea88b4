"""The original's initializer: n-grams of the corpus, in noisy weights (seed document, "Defining the Model").

The original spells its class `PatternsInitilizerMaxCover`. In spite of the name it does not maximise cover:
it draws n-grams at random by their frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tokenlayer.errors import InputError
from tokenlayer.original.max_cover import Padding
from tokenlayer.original.patterns import patterns_of
from tokenlayer.text.alphabet import BLANK, Alphabet, Codes
from tokenlayer.vocabularies.ngrams import NGRAM_LENGTHS, check_corpus, check_fit, length_problems
from tokenlayer.vocabularies.random_ngrams import draw_rows


class PatternsInitializerMaxCover:
    """Each pattern starts as an n-gram: its length is drawn uniformly, then the n-gram in proportion to its count.

    Args:
        text_corpus: the texts, as one string or as (S,) codes of the alphabet `chars`.
        chars: the alphabet.
        gram_lens: the lengths to draw from.
        filter_over: only n-grams that occur more than this many times are drawn; shorter ones where none of a length
            is.
        padding: what follows an n-gram shorter than K. `noise` (as in the original): weights near 0.25, like all
            that are not the n-gram's, which discretise to random characters. `blank`: zeros, which accept any
            character and stay so, because σ(0) = 0 lets no gradient through.
        generator: the source of randomness, on the CPU; None: torch's global one.

    Raises:
        InputError: `gram_lens` is empty or holds a length below 1, or the corpus is shorter than the longest
            n-gram.

    """

    def __init__(
        self,
        text_corpus: str | Codes,
        chars: str,
        gram_lens: Sequence[int] = NGRAM_LENGTHS,
        filter_over: int = 1,
        *,
        padding: Padding = "noise",
        generator: torch.Generator | None = None,
    ) -> None:
        alphabet = Alphabet(chars)
        self.n_characters: int | None = alphabet.size
        self._alphabet = alphabet
        self.gram_lens = tuple(gram_lens)
        self.filter_over = filter_over
        self.padding = padding
        self._generator = generator
        self._corpus = alphabet.encode(text_corpus) if isinstance(text_corpus, str) else text_corpus
        for _, problem in length_problems(self.gram_lens):
            raise InputError(f"gram_lens is {list(gram_lens)}: it {problem}")
        check_corpus(self.gram_lens, len(self._corpus))

    def __call__(self, shape: tuple[int, int, int]) -> Tensor:
        """Patterns of shape (C, K, N).

        Raises:
            InputError: K is shorter than the longest n-gram, C is not the alphabet's size, or no n-gram, not even a
                single character, occurs more than `filter_over` times.

        """
        C, K, N = shape
        if self._alphabet.size != C:
            raise InputError(
                f"patterns for {C} characters, but the alphabet has {self._alphabet.size}: use one alphabet"
            )
        check_fit(self.gram_lens, K)
        padding = BLANK if self.padding == "blank" else self._alphabet.none_code
        rows = draw_rows(self._corpus, (N, K), self.gram_lens, self.filter_over, padding, self._generator)
        return patterns_of(torch.from_numpy(rows), C, self._generator)


PatternsInitilizerMaxCover = PatternsInitializerMaxCover
"""The class by the original's spelling."""
