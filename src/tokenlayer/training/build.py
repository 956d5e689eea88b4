"""From a configuration to a model and its learning rule: new ones for a training, or those of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from tokenlayer.data.types import PreparedDataset
from tokenlayer.errors import InputError
from tokenlayer.layer.base import TokenLayer
from tokenlayer.layer.matchers import EveryMatch, Matcher
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.redaction import redacted_settings
from tokenlayer.rules.base import RuleContext
from tokenlayer.rules.learning_rule import LearningRule
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.tracking.format import FORMAT
from tokenlayer.training.checkpoint_loading import MODEL, SavedModel
from tokenlayer.training.config import TrainConfig
from tokenlayer.vocabularies.base import InitializerContext
from tokenlayer.vocabularies.ngrams import MAY_REPEAT, TooFewTokensError

_INITIALIZER = 1  # distinguishes the initializer's random numbers from others of the same seed


def build_layer(config: TrainConfig, dataset: PreparedDataset) -> TokenLayer:
    """The token layer with its first tokens, for the dataset's alphabet and length.

    The tokens of a run that is resumed are left blank: its checkpoint overwrites them.

    Raises:
        InputError: tokens and texts do not fit each other, or the texts do not yield the tokens.

    """
    K = config.max_token_length()
    if dataset.text_length < K:
        raise InputError(
            f"dataset.text_length={dataset.text_length} is below model.max_token_length={K}: no token fits into a text;"
            " give longer texts or shorter tokens"
        )
    matcher = checked_matcher(config, dataset.alphabet)

    def blank() -> TokenLayer:
        _check_vocab_size(config.model.vocab_size, K, len(dataset.uncut))
        return _blank_layer(config, K, dataset.alphabet, matcher)

    if config.resume:
        return blank()
    return config.initializer.fill(blank, initializer_context(config, dataset, matcher))


def _check_vocab_size(N: int, K: int, n_characters: int) -> None:
    """Raise InputError where an initializer of whatever kind has made more tokens than there can be n-grams."""
    at_most = n_characters * K
    if max(at_most, MAY_REPEAT) < N:
        raise TooFewTokensError(
            f"model.vocab_size={N}, but texts of {n_characters} characters hold at most {at_most} n-grams of up to "
            f"{K} characters: lower model.vocab_size, or give more text",
            at_most,
        )


def build_model(config: TrainConfig, dataset: PreparedDataset) -> TokenizationClassifier:
    """The model with its first tokens and weights. Raises `InputError` as `build_layer`."""
    return config.model.build(build_layer(config, dataset), dataset.text_length, len(dataset.class_names))


def _blank_layer(config: TrainConfig, K: int, alphabet: Alphabet, matcher: Matcher) -> TokenLayer:
    return config.learning_rule.build_layer(Vocabulary.blank(config.model.vocab_size, K), alphabet.size, matcher)


def checked_matcher(config: TrainConfig, alphabet: Alphabet) -> Matcher:
    """The initializer's matcher, if the rule leaves the tokens alone for which it is meant.

    Raises:
        InputError: a rule would replace words, or the pieces of a segmentation, by other n-grams.

    """
    matcher = config.initializer.matcher(alphabet)
    if not isinstance(matcher, EveryMatch) and not config.learning_rule.keeps_vocabulary:
        raise InputError(
            "initializer: words, and the pieces of a segmentation, are fixed vocabularies, of which not every "
            "occurrence counts; a rule that replaces them by other n-grams does not fit them: add learning_rule=frozen"
        )
    return matcher


def initializer_context(config: TrainConfig, dataset: PreparedDataset, matcher: Matcher) -> InitializerContext:
    """What the configured initializer is given."""
    # A sequence of its own: the model's weights are drawn from the run's seed too.
    seed = int(np.random.SeedSequence([config.seed, _INITIALIZER]).generate_state(1)[0])
    return InitializerContext(
        vocab_size=config.model.vocab_size,
        max_token_length=config.max_token_length(),
        alphabet=dataset.alphabet,
        texts=dataset.training_texts(),
        corpus=lambda wanted: dataset.corpus(wanted.scope, wanted.cap),
        generator=torch.Generator().manual_seed(seed),
        matcher=matcher,
        most_read=config.model.most_read(),
    )


def build_rule(config: TrainConfig, dataset: PreparedDataset) -> LearningRule:
    """The configured learning rule, which knows the training texts and no others."""
    n_classes = len(dataset.class_names)
    return config.learning_rule.build(
        RuleContext(
            vocab_size=config.model.vocab_size,
            max_token_length=config.max_token_length(),
            n_characters=dataset.alphabet.size,
            embedding_dim=config.model.vector_length(n_classes),
            n_outputs=config.model.n_outputs(n_classes),
            texts=dataset.training_texts(),
            seed=config.seed,
            most_read=config.model.most_read(),
        )
    )


def checkpoint_header(config: TrainConfig, resolved: Mapping[str, Any], dataset: PreparedDataset) -> dict[str, Any]:
    """What a checkpoint says of itself: all that one must know to use its weights."""
    return {
        "format": FORMAT,
        "config": redacted_settings(resolved),  # a checkpoint goes to places where the password is not known
        "alphabet": dataset.alphabet.chars,
        "class_names": list(dataset.class_names),
        "fingerprint": dataset.fingerprint,
        "max_token_length": config.max_token_length(),
    }


def restored_model(trained: TrainConfig, saved: SavedModel, text_length: int) -> TokenizationClassifier:
    """The classifier of a checkpoint, with its weights.

    Args:
        trained: the configuration that the checkpoint carries.
        saved: the checkpoint.
        text_length: L of the texts that it is to read.

    Raises:
        InputError: its weights are not those of the model that its header describes.

    """
    alphabet = Alphabet(saved.header["alphabet"])
    weights = {key.removeprefix(MODEL): value for key, value in saved.weights.items() if key.startswith(MODEL)}
    K, n_classes = saved.header["max_token_length"], len(saved.header["class_names"])
    vectors = weights.get("embedding.weight")
    n_tokens = len(vectors) if isinstance(vectors, torch.Tensor) and vectors.dim() else 0
    if trained.model.vocab_size != n_tokens or trained.model.vocab_size * K > _numbers(weights):
        raise saved.edited(f"it has no weights for {trained.model.vocab_size} tokens of up to {K} characters")
    layer = _blank_layer(trained, K, alphabet, trained.initializer.matcher(alphabet))
    with torch.device("meta"):  # shapes and types alone: a header may ask for more than memory holds
        wanted = trained.model.build(layer, text_length, n_classes).state_dict()
    for key in wanted.keys() | weights.keys():
        if key not in wanted or key not in weights or _kind(wanted[key]) != _kind(weights[key]):
            raise saved.edited(f"{key} is not of the model that its settings describe")
    model = trained.model.build(layer, text_length, n_classes)
    model.load_state_dict(weights)
    return model


def _numbers(weights: Mapping[str, Any]) -> int:
    return sum(value.numel() for value in weights.values() if isinstance(value, torch.Tensor))


def _kind(weight: Any) -> tuple[object, ...]:
    """What has to agree; of what a matcher has learned, which is no tensor, its type."""
    return (weight.shape, weight.dtype, weight.layout) if isinstance(weight, torch.Tensor) else (type(weight),)
