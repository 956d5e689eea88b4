"""Patterns that start as the pieces of a unigram language model (Kudo 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.trainers import Trainer, UnigramTrainer

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.vocabularies.pieces import PatternsInitializerPieces, PiecesConfig


class PatternsInitializerUnigram(PatternsInitializerPieces):
    """Each pattern starts as a piece of those under which the corpus is most likely."""

    def learner(self, longest: int, n_pieces: int) -> tuple[Tokenizer, Trainer]:
        """A unigram model of `n_pieces`."""
        trainer = UnigramTrainer(vocab_size=n_pieces, max_piece_length=longest, show_progress=False)
        return Tokenizer(Unigram()), trainer


@dataclass
class UnigramConfig(PiecesConfig):
    """The pieces of a unigram language model, with true blanks behind them."""

    def build(
        self,
        corpus: Codes | None,
        alphabet: Alphabet,
        generator: torch.Generator | None = None,
        texts: TrainingTexts | None = None,
    ) -> PatternsInitializerUnigram:
        assert corpus is not None, "the caller gives the corpus that wanted_corpus names"
        return PatternsInitializerUnigram(corpus, alphabet, generator)
