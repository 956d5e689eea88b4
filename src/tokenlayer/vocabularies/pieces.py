"""What `bpe` and `unigram` share: training a vocabulary of subwords on the corpus with Hugging Face's tokenizers."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.vocabularies.base import CorpusConfig, InitializerConfig, InitializerContext
from tokenlayer.vocabularies.ngrams import check_at_most, vocabulary_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.trainers import Trainer

    from tokenlayer.layer.matchers import Matcher
    from tokenlayer.layer.vocabulary import Vocabulary

CAP = 5_000_000
"""Characters that are enough for subwords of a text, and that take seconds."""

_RUN = 1 << 16  # characters handed over at once; one longer than this without a space is cut
_REMEDY = "raise initializer.corpus.cap, give more text, or lower model.vocab_size"


@dataclass
class PiecesConfig(InitializerConfig):
    """The pieces of a subword model: the corpus' characters, and longer strings; blanks behind them.

    A space belongs to the word that follows: pieces begin with it at the beginning of a word (" the", "ing"), and none
    goes beyond a word's end. A layer marks a piece wherever it occurs, also where the subword model would segment
    otherwise, unless `segment` is set.
    """

    corpus: CorpusConfig = field(default_factory=lambda: CorpusConfig(cap=CAP))
    """The texts that it is trained on."""
    segment: bool = False
    """Count a piece only where the model itself puts it when it segments the text, instead of wherever it stands."""

    def matcher(self, alphabet: Alphabet) -> Matcher:
        """The model's segmentation, which `build` teaches it, or every occurrence."""
        from tokenlayer.layer.matchers import EveryMatch
        from tokenlayer.vocabularies.segmentation import SegmentMatcher

        return SegmentMatcher(alphabet) if self.segment else EveryMatch()

    @abstractmethod
    def learner(self, longest: int, n_pieces: int) -> tuple[Tokenizer, Trainer]:
        """The model to train for `n_pieces` pieces of at most `longest` characters, and its trainer."""

    def build(self, context: InitializerContext) -> Vocabulary:
        """N pieces of at most K characters, in the order of the alphabet.

        Raises:
            InputError: N leaves no room for more than single characters, or there are fewer pieces.

        """
        from tokenizers import pre_tokenizers

        from tokenlayer.vocabularies.segmentation import SegmentMatcher, one_thread, piece_codes, with_unknown

        corpus, alphabet = context.corpus(self.corpus), context.alphabet
        self._check_room(corpus, context)
        words = {word for run in runs(corpus, alphabet) for word in run.split(" ")}
        at_most = sum(len(word) + 1 for word in words) * context.max_token_length  # a piece is a part of " word"
        check_at_most(context, at_most, _REMEDY)
        # The library sets aside memory for as many pieces as it is asked for, and never ends for none at all.
        n_pieces = min(context.vocab_size, max(at_most, alphabet.size))
        tokenizer, trainer = self.learner(context.max_token_length, n_pieces)
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_next")
        with one_thread():
            tokenizer.train_from_iterator(runs(corpus, alphabet), trainer)
        if isinstance(context.matcher, SegmentMatcher):
            context.matcher.learn(with_unknown(tokenizer))
        # The library's own order of equally likely pieces changes from call to call.
        pieces = [piece for piece in sorted(tokenizer.get_vocab()) if len(piece) <= context.max_token_length]
        return vocabulary_of([piece_codes(piece, alphabet) for piece in pieces][: context.vocab_size], context, _REMEDY)

    def _check_room(self, corpus: Codes, context: InitializerContext) -> None:
        occurring = np.setdiff1d(corpus, [context.alphabet.none_code])
        if len(occurring) >= context.vocab_size:
            raise InputError(
                f"model.vocab_size={context.vocab_size} leaves no room for pieces beside the {len(occurring)}"
                f" characters of the corpus: raise model.vocab_size above {len(occurring)}"
            )


def runs(corpus: Codes, alphabet: Alphabet) -> Iterator[str]:
    """The corpus as text, in runs that end at a space, and where a character is none of the alphabet."""
    from tokenlayer.vocabularies.segmentation import code_points

    points = code_points(alphabet)
    outside = chr(points[alphabet.none_code])
    run = re.compile(f"[^{outside}]{{1,{_RUN}}}(?![^{outside} ])|[^{outside}]{{1,{_RUN}}}")
    text = points[corpus].tobytes().decode("utf-32-le")
    return (found.group() for found in run.finditer(text))
