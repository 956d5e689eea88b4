"""The pieces of a unigram language model (Kudo 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.vocabularies.pieces import PiecesConfig

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.trainers import Trainer


@dataclass
class UnigramConfig(PiecesConfig):
    """The pieces under which the corpus is most likely."""

    def learner(self, longest: int, n_pieces: int) -> tuple[Tokenizer, Trainer]:
        from tokenizers import Tokenizer
        from tokenizers.models import Unigram
        from tokenizers.trainers import UnigramTrainer

        trainer = UnigramTrainer(vocab_size=n_pieces, max_piece_length=longest, show_progress=False)
        return Tokenizer(Unigram()), trainer
