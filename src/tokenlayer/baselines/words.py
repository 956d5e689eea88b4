"""Counted words of the texts that a model sees: the codes of a split, decoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.words import space_code, split_words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class WordCounter:
    """Counts runs of words; which runs is decided by the training texts.

    Words are what stands between spaces, texts' ends and characters outside the alphabet.

    Args:
        alphabet: what the codes stand for.
        longest_run: runs of 1 to so many words are features.
        min_texts: only runs of at least so many training texts are.

    Raises:
        InputError: the alphabet has no space.

    """

    def __init__(self, alphabet: Alphabet, longest_run: int, min_texts: int) -> None:
        from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415  # scikit-learn takes a second

        space_code(alphabet)
        self._alphabet = alphabet
        self._min_texts = min_texts
        self._counter = CountVectorizer(
            preprocessor=_as_it_is,
            tokenizer=_as_it_is,
            token_pattern=None,
            ngram_range=(1, longest_run),
            min_df=min_texts,
            dtype=np.int32,
        )

    def fit(self, codes: Codes) -> csr_matrix:
        """(n, F) counts in the training texts (n, L).

        Raises:
            InputError: no run stands in enough of them.

        """
        try:
            return self._counter.fit_transform(self._words(codes))
        except ValueError as error:
            raise InputError(
                f"no word stands in {self._min_texts} training texts ({error}): lower baseline.min_texts, or check "
                "dataset.text_column and dataset.cleaning"
            ) from error

    def __call__(self, codes: Codes) -> csr_matrix:
        """(m, F) counts in texts (m, L)."""
        return self._counter.transform(self._words(codes))

    def _words(self, codes: Codes) -> Iterator[list[str]]:
        return ([word for word in words if word] for words in split_words(codes, self._alphabet))


def _as_it_is(words: list[str]) -> list[str]:
    return words
