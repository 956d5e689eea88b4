"""What `bpe` and `unigram` share: training a vocabulary of subwords on the corpus with Hugging Face's tokenizers."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.trainers import Trainer

from tokenlayer.errors import InputError
from tokenlayer.layer.matchers import EveryMatch, Matcher
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.vocabularies.base import CorpusConfig, InitializerConfig
from tokenlayer.vocabularies.ngrams import Ngram, PatternsInitializerNgrams
from tokenlayer.vocabularies.segmentation import (
    SegmentMatcher,
    code_points,
    one_thread,
    piece_codes,
    with_unknown,
)

CAP = 5_000_000
"""Characters that are enough for subwords of a text, and that take seconds."""

_RUN = 1 << 16  # characters handed over at once; one longer than this without a space is cut


class PatternsInitializerPieces(PatternsInitializerNgrams):
    """Each pattern starts as a piece of a subword vocabulary: the corpus' characters, and longer strings.

    A space belongs to the word that follows: pieces begin with it at the beginning of a word (" the", "ing"), and none
    goes beyond a word's end. A layer marks a piece wherever it occurs, also where the subword model would segment
    otherwise, unless its occurrences are `SegmentMatcher`, which this teaches the model.

    Args:
        corpus: (S,) codes of the texts.
        alphabet: what they stand for.
        generator: of the weights, see `PatternsInitializerGrams`.

    """

    remedy = "raise initializer.corpus.cap, give more text, or lower model.vocab_size"

    def __init__(self, corpus: Codes, alphabet: Alphabet, generator: torch.Generator | None = None) -> None:
        super().__init__(alphabet, generator)
        self._corpus = corpus
        self._trained: Tokenizer | None = None

    @abstractmethod
    def learner(self, longest: int, n_pieces: int) -> tuple[Tokenizer, Trainer]:
        """What to train for `n_pieces` pieces of at most `longest` characters, and its trainer."""

    def ngrams(self, K: int, N: int) -> list[Ngram]:
        """N pieces of at most K characters, in the order of the alphabet.

        Raises:
            InputError: N leaves no room for more than single characters.

        """
        occurring = np.setdiff1d(self._corpus, [self.alphabet.none_code])
        if len(occurring) >= N:
            raise InputError(
                f"model.vocab_size={N} leaves no room for pieces beside the {len(occurring)} characters of the corpus:"
                f" raise model.vocab_size above {len(occurring)}"
            )
        tokenizer, trainer = self.learner(K, N)
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_next")
        with one_thread():
            tokenizer.train_from_iterator(self._runs(), trainer)
        self._trained = with_unknown(tokenizer)
        # The library's own order of equally likely pieces changes from call to call.
        return [piece_codes(piece, self.alphabet) for piece in sorted(tokenizer.get_vocab()) if len(piece) <= K]

    def teach(self, matcher: Matcher) -> None:
        """Let the occurrences of the layer whose patterns this has made be those of the model's segmentation."""
        if isinstance(matcher, SegmentMatcher):
            assert self._trained is not None, "the patterns are made first"
            matcher.learn(self._trained)

    def _runs(self) -> Iterator[str]:
        """The corpus as text, in runs that end at a space, and where a character is none of the alphabet."""
        points = code_points(self.alphabet)
        outside = chr(points[self.alphabet.none_code])
        run = re.compile(f"[^{outside}]{{1,{_RUN}}}(?![^{outside} ])|[^{outside}]{{1,{_RUN}}}")
        text = points[self._corpus].tobytes().decode("utf-32-le")
        return (found.group() for found in run.finditer(text))


@dataclass
class PiecesConfig(InitializerConfig):
    """The pieces of a subword model, with true blanks behind them."""

    corpus: CorpusConfig = field(default_factory=lambda: CorpusConfig(cap=CAP))
    """The texts that it is trained on."""
    segment: bool = False
    """Count a piece only where the model itself puts it when it segments the text, instead of wherever it stands."""

    def wanted_corpus(self) -> CorpusConfig:
        return self.corpus

    def matcher(self, alphabet: Alphabet) -> Matcher:
        return SegmentMatcher(alphabet) if self.segment else EveryMatch()
