"""The pieces of a byte-pair encoding (Sennrich, Haddow and Birch 2016), over characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.vocabularies.pieces import PiecesConfig

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.trainers import Trainer


@dataclass
class BpeConfig(PiecesConfig):
    """The pieces that come of merging, again and again, the most frequent pair of pieces.

    A merge that would be longer than K is passed over.
    """

    def learner(self, longest: int, n_pieces: int) -> tuple[Tokenizer, Trainer]:
        # The trainer keeps below the length that it is given.
        from tokenizers import Tokenizer
        from tokenizers.models import BPE
        from tokenizers.trainers import BpeTrainer

        trainer = BpeTrainer(vocab_size=n_pieces, max_token_length=longest + 1, show_progress=False)
        return Tokenizer(BPE()), trainer
