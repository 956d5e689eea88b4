"""A tokenization layer whose tokens are trained with the network.

Shapes, everywhere: B texts, L characters each, C alphabet size, K token length, N tokens, D embedding length,
T = L - K + 1 window positions. Codes are integers 0..C-1; C means "no character of the alphabet".
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenlayer.data.sources.texts import TextsConfig as TextsConfig
    from tokenlayer.errors import InputError as InputError
    from tokenlayer.estimators.classifier import TokenClassifier as TokenClassifier
    from tokenlayer.estimators.selector import TokenSelector as TokenSelector
    from tokenlayer.export.huggingface import export_tokenizer as export_tokenizer
    from tokenlayer.inference.loading import load as load
    from tokenlayer.inference.trained_model import TrainedModel as TrainedModel
    from tokenlayer.layer.embedding import TokenEmbedding as TokenEmbedding
    from tokenlayer.layer.matching import match as match
    from tokenlayer.layer.token_counts import TokenCounts as TokenCounts
    from tokenlayer.layer.vocabulary import Vocabulary as Vocabulary
    from tokenlayer.layer.vocabulary_layer import VocabularyLayer as VocabularyLayer
    from tokenlayer.models.classifier import ModelConfig as ModelConfig
    from tokenlayer.models.network import TokenizationClassifier as TokenizationClassifier
    from tokenlayer.original.gaussian_initializer import PatternsInitializerGaussian as PatternsInitializerGaussian
    from tokenlayer.original.layer import EmbeddingLayer as EmbeddingLayer
    from tokenlayer.original.layer import TokenizationLayer as TokenizationLayer
    from tokenlayer.original.max_cover_initializer import PatternsInitializerMaxCover as PatternsInitializerMaxCover
    from tokenlayer.original.max_cover_initializer import PatternsInitilizerMaxCover as PatternsInitilizerMaxCover
    from tokenlayer.rules.base import TrainingProgress as TrainingProgress
    from tokenlayer.rules.frozen import FrozenRuleConfig as FrozenRuleConfig
    from tokenlayer.rules.graft import GraftRuleConfig as GraftRuleConfig
    from tokenlayer.rules.learner import TokenLearner as TokenLearner
    from tokenlayer.text.alphabet import Alphabet as Alphabet
    from tokenlayer.text.alphabet import one_hot_str as one_hot_str
    from tokenlayer.tracking.reading import find_runs as find_runs
    from tokenlayer.tracking.reading import load_log as load_log
    from tokenlayer.training.config import TrainConfig as TrainConfig
    from tokenlayer.training.schedule import Schedule as Schedule
    from tokenlayer.training.training import Training as Training
    from tokenlayer.vocabularies.random_ngrams import RandomNgramsConfig as RandomNgramsConfig

# Imported when asked for: torch and MLflow take seconds that `tokenlayer --help` must not cost.
_HOME = {
    "TextsConfig": "data.sources.texts",
    "InputError": "errors",
    "TokenClassifier": "estimators.classifier",
    "TokenSelector": "estimators.selector",
    "export_tokenizer": "export.huggingface",
    "load": "inference.loading",
    "TrainedModel": "inference.trained_model",
    "TokenEmbedding": "layer.embedding",
    "match": "layer.matching",
    "TokenCounts": "layer.token_counts",
    "Vocabulary": "layer.vocabulary",
    "VocabularyLayer": "layer.vocabulary_layer",
    "ModelConfig": "models.classifier",
    "TokenizationClassifier": "models.network",
    "PatternsInitializerGaussian": "original.gaussian_initializer",
    "EmbeddingLayer": "original.layer",
    "TokenizationLayer": "original.layer",
    "PatternsInitializerMaxCover": "original.max_cover_initializer",
    "PatternsInitilizerMaxCover": "original.max_cover_initializer",
    "TrainingProgress": "rules.base",
    "FrozenRuleConfig": "rules.frozen",
    "GraftRuleConfig": "rules.graft",
    "TokenLearner": "rules.learner",
    "Alphabet": "text.alphabet",
    "one_hot_str": "text.alphabet",
    "find_runs": "tracking.reading",
    "load_log": "tracking.reading",
    "TrainConfig": "training.config",
    "Schedule": "training.schedule",
    "Training": "training.training",
    "RandomNgramsConfig": "vocabularies.random_ngrams",
}

__all__ = list(_HOME)  # the names stand once, above


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
