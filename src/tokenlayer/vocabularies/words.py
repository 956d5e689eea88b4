"""What the initializers of words share: patterns that are words, and that count where they are whole words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.errors import InputError
from tokenlayer.layer.words import WordMatcher
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.words import CountedWords, count_words, space_code, word_codes
from tokenlayer.vocabularies.base import InitializerConfig
from tokenlayer.vocabularies.ngrams import Ngram, PatternsInitializerNgrams


class PatternsInitializerWords(PatternsInitializerNgrams):
    """Each pattern starts as a word of the training texts, which are cut and padded as the model sees them.

    Args:
        texts: the training texts with their labels.
        alphabet: what their codes stand for.
        longest: longer words are not chosen.
        min_texts: only words that stand in at least so many texts are chosen.
        generator: of the weights, see `PatternsInitializerGrams`.

    Raises:
        InputError: the alphabet has no space.

    """

    remedy = "lower model.vocab_size or initializer.min_texts, raise initializer.longest, or give more training texts"

    def __init__(
        self,
        texts: TrainingTexts,
        alphabet: Alphabet,
        longest: int,
        min_texts: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(alphabet, generator)
        space_code(alphabet)
        self.texts = texts
        self.longest = longest
        self.min_texts = min_texts

    @abstractmethod
    def choose(self, counted: CountedWords, n: int) -> npt.NDArray[np.int64]:
        """The numbers of n words, the best first; fewer if there are fewer."""

    def ngrams(self, K: int, N: int) -> list[Ngram]:
        """The codes of N words."""
        if self.longest > K:
            raise InputError(
                f"patterns of {K} characters cannot hold words of {self.longest}: raise model.max_token_length or lower"
                " initializer.longest"
            )
        counted = count_words(self.texts, self.alphabet, self.longest, self.min_texts)
        return [word_codes(counted.words[i]) for i in self.choose(counted, N)]

    def texts_by_class(self) -> npt.NDArray[np.int64]:
        """(n_classes,)"""
        return np.bincount(self.texts.labels, minlength=self.texts.n_classes)


@dataclass
class WordsConfig(InitializerConfig):
    """Words of the training texts, matched as whole words; true blanks behind them."""

    longest: int = 20
    """Longer words are not chosen. It is the patterns' length by default."""
    min_texts: int = 5
    """Only words that stand in at least so many training texts are chosen."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        for name in ("longest", "min_texts"):
            if getattr(self, name) < 1:
                yield name, "must be at least 1"

    def default_token_length(self) -> int:
        return self.longest

    def min_token_length(self) -> int:
        return self.longest

    def matcher(self, alphabet: Alphabet) -> WordMatcher:
        return WordMatcher(space_code(alphabet))
