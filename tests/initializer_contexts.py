"""What an initializer is given, without a dataset around it."""

import numpy as np
import torch

from tokenlayer.layer.matchers import EveryMatch, Matcher
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.vocabularies.base import CorpusConfig, InitializerContext


def initializer_context(
    alphabet: Alphabet,
    vocab_size: int,
    max_token_length: int,
    *,
    corpus: str | Codes = "",
    texts: TrainingTexts | None = None,
    seed: int = 0,
    matcher: Matcher | None = None,
) -> InitializerContext:
    """For `vocab_size` (N) tokens of `max_token_length` (K) characters."""
    codes = alphabet.encode(corpus) if isinstance(corpus, str) else corpus
    no_texts = TrainingTexts(np.empty((0, max_token_length), alphabet.dtype), np.empty(0, np.int64), 2)

    def named(wanted: CorpusConfig) -> Codes:
        return codes[: wanted.cap]

    return InitializerContext(
        vocab_size=vocab_size,
        max_token_length=max_token_length,
        alphabet=alphabet,
        texts=no_texts if texts is None else texts,
        corpus=named,
        generator=torch.Generator().manual_seed(seed),
        matcher=matcher or EveryMatch(),
    )


def decoded(codes: torch.Tensor, alphabet: Alphabet) -> list[str]:
    """Tokens (N, K) without the blanks at their ends."""
    signs = (*alphabet.signs, "█")  # a blank, -1, indexes the last
    return ["".join(signs[code] for code in token).rstrip("█") for token in codes.tolist()]
