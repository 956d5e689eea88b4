"""Patterns that start as the pieces of a byte-pair encoding (Sennrich, Haddow and Birch 2016), over characters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer, Trainer

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.vocabularies.pieces import PatternsInitializerPieces, PiecesConfig


class PatternsInitializerBpe(PatternsInitializerPieces):
    """Each pattern starts as a piece that comes of merging, again and again, the most frequent pair of pieces.

    A merge that would be longer than K is passed over.
    """

    def learner(self, longest: int, n_pieces: int) -> tuple[Tokenizer, Trainer]:
        """BPE of `n_pieces`."""
        # The trainer keeps below the length that it is given.
        trainer = BpeTrainer(vocab_size=n_pieces, max_token_length=longest + 1, show_progress=False)
        return Tokenizer(BPE()), trainer


@dataclass
class BpeConfig(PiecesConfig):
    """The pieces of a byte-pair encoding, with true blanks behind them."""

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerBpe:
        assert corpus is not None, "the caller gives the corpus that wanted_corpus names"
        return PatternsInitializerBpe(corpus, alphabet, generator)
