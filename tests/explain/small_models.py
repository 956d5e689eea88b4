"""Models whose tokens and weights are set by hand, and texts for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from tokenlayer.explain.explanation import Explanation, explain
from tokenlayer.explain.model_input import ModelInput, model_input
from tokenlayer.layer.vocabulary import BLANK_SIGN, Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.heads.base import HeadConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.text.alphabet import BLANK, Alphabet
from tokenlayer.text.cleaning import CleaningConfig

LATIN = Alphabet(" abcdefghijklmnopqrstuvwxyz")
AS_IT_IS = CleaningConfig(strip_br=False, lower_case=False, strip_punctuation=False)


def vocabulary(tokens: Sequence[str], alphabet: Alphabet) -> Vocabulary:
    """Tokens whose `█` is a blank, and blanks behind them."""
    code_of = {sign: code for code, sign in enumerate(alphabet.symbols)} | {BLANK_SIGN: BLANK}
    ngrams = [np.array([code_of[sign] for sign in token]) for token in tokens]
    return Vocabulary.of_ngrams(ngrams, max(map(len, tokens)))


def linear_model(
    weights: Mapping[str, float | Sequence[float]],
    alphabet: Alphabet = LATIN,
    text_length: int = 60,
    head: HeadConfig | None = None,
) -> TokenizationClassifier:
    """Each token's weight is its vector, which the head (pooled by presence) reads as it is.

    One number for two classes, a list with one for each of several.
    """
    vectors = torch.tensor([[weight] if isinstance(weight, float) else list(weight) for weight in weights.values()])
    layer = VocabularyLayer(vocabulary(list(weights), alphabet), alphabet.size)
    D = vectors.shape[1]
    config = ModelConfig(head or PoolHeadConfig(), vocab_size=len(weights), embedding_dim=D)
    n_classes = 2 if D == 1 else D
    config.loss = "binary" if D == 1 else "cross_entropy"
    model = config.build(layer, text_length, n_classes)
    with torch.no_grad():
        model.embedding.weight.copy_(vectors)
        if head is None:
            model.head.out.weight.copy_(torch.eye(D))
    return model


def seen(text: str, alphabet: Alphabet = LATIN, text_length: int = 60) -> ModelInput:
    return model_input(text, alphabet, AS_IT_IS, text_length)


def explained(
    weights: Mapping[str, float | Sequence[float]],
    text: str,
    class_names: Sequence[str] = ("bad", "good"),
    alphabet: Alphabet = LATIN,
    text_length: int = 60,
) -> Explanation:
    model = linear_model(weights, alphabet, text_length)
    return explain(model, seen(text, alphabet, text_length), alphabet, class_names)
