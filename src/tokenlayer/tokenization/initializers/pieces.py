"""What `bpe` and `unigram` share: training a vocabulary of subwords on the corpus with Hugging Face's tokenizers."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.trainers import Trainer

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.tokenization.initializers.gram_patterns import Gram, PatternsInitializerGrams

CAP = 5_000_000
"""Characters that are enough for subwords of a text, and that take seconds."""

# A code is trained on as a character of a private plane: some alphabets hold what the library does not take (lone
# surrogates) or what stands for two categories when it is shown (U+FFFD). Only the space has to be itself.
_PLANE = 0xF0000
_RUN = 1 << 16  # characters handed over at once; one longer than this without a space is cut
_PARALLEL = "TOKENIZERS_PARALLELISM"


class PatternsInitializerPieces(PatternsInitializerGrams):
    """Each pattern starts as a piece of a subword vocabulary: the corpus' characters, and longer strings.

    A space belongs to the word that follows: pieces begin with it at the beginning of a word (" the", "ing"), and none
    goes beyond a word's end. The layer marks a piece wherever it occurs, also where the subword model would segment
    otherwise.

    Args:
        corpus: (S,) codes of the texts.
        alphabet: what they stand for.
        generator: of the weights, see `PatternsInitializerGrams`.

    """

    mend = "raise initializer.corpus.cap, give more text, or lower model.n_neurons"

    def __init__(self, corpus: Codes, alphabet: Alphabet, generator: torch.Generator | None = None) -> None:
        super().__init__(alphabet, generator)
        self._corpus = corpus

    @abstractmethod
    def learner(self, longest: int, n_pieces: int) -> tuple[Tokenizer, Trainer]:
        """What to train for `n_pieces` pieces of at most `longest` characters, and its trainer."""

    def grams(self, K: int, N: int) -> list[Gram]:
        """N pieces of at most K characters, in the order of the alphabet.

        Raises:
            InputError: N leaves no room for more than single characters.

        """
        occurring = np.setdiff1d(self._corpus, [self.alphabet.none_code])
        if len(occurring) >= N:
            raise InputError(
                f"model.n_neurons={N} leaves no room for pieces beside the {len(occurring)} characters of the corpus:"
                f" raise model.n_neurons above {len(occurring)}"
            )
        tokenizer, trainer = self.learner(K, N)
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_next")
        with _one_thread():
            tokenizer.train_from_iterator(self._runs(), trainer)
        # The library's own order of equally likely pieces changes from call to call.
        return [self._codes(piece) for piece in sorted(tokenizer.get_vocab()) if len(piece) <= K]

    def _runs(self) -> Iterator[str]:
        """The corpus as text, in runs that end at a space, and where a character is none of the alphabet."""
        outside = chr(_PLANE + self.alphabet.none_code)
        run = re.compile(f"[^{outside}]{{1,{_RUN}}}(?![^{outside} ])|[^{outside}]{{1,{_RUN}}}")
        text = self._points()[self._corpus].tobytes().decode("utf-32-le")
        return (found.group() for found in run.finditer(text))

    def _points(self) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
        """(C + 1,): the code point that each code is trained on as."""
        points = _PLANE + np.arange(self.alphabet.size + 1, dtype="<u4")
        if " " in self.alphabet.symbols:
            points[self.alphabet.symbols.index(" ")] = ord(" ")
        return points

    def _codes(self, piece: str) -> Gram:
        space = self.alphabet.symbols.index(" ") if " " in piece else None
        return np.array([space if sign == " " else ord(sign) - _PLANE for sign in piece], dtype=np.int64)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Training on one thread: the sums of floats that decide between pieces are then taken in one order."""
    before = os.environ.get(_PARALLEL)
    os.environ[_PARALLEL] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PARALLEL]
        else:
            os.environ[_PARALLEL] = before
