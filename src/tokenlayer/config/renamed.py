"""The names of version 0.1 that have changed: each old name leads to an error that gives the new one."""

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {"reference": "baseline"}
"""Commands of `tokenlayer`."""

KEYS: Mapping[str, str] = {
    "reference": "baseline",
    "dataset.pattern_lens": "dataset.pattern_lengths",
    "initializer.gram_lens": "initializer.ngram_lengths",
    "learning_rule.gram_lens": "learning_rule.ngram_lengths",
    "learning_rule.soften": "learning_rule.distillation_weight",
    "learning_rule.every": "learning_rule.edit_interval",
    "learning_rule.stop": "learning_rule.edit_until",
    "learning_rule.max_grams": "learning_rule.max_ngrams",
    "model.n_neurons": "model.vocab_size",
    "model.pattern_lens": "model.max_token_length",
    "model.embedding_length": "model.embedding_dim",
    "model.vector_penalty": "model.embedding_l2",
    "callbacks.biography": "callbacks.token_history",
}
"""Dotted keys. Each old and new pair is in the same section."""

VALUES: Mapping[str, Mapping[str, str]] = {"dataset.split": {"seed": "random"}}
"""Values of a key that takes one of several."""

_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "initializer": {
        "random_grams": "random_ngrams",
        "short_grams": "short_ngrams",
        "frequent_grams": "frequent_ngrams",
        "discriminative": "chi2_ngrams",
        "l1_grams": "l1_ngrams",
        "max_cover": "original initializer.corpus.scope=train initializer.corpus.cap=null",
        "max_cover_seed": "original",
        "gaussian": "original_gaussian",
    },
    "learning_rule": {"seed": "original"},
    "model": {"seed": "original"},
    "optimizer": {"keras_adam": "original"},
    "experiment": {"seed_imdb": "original_imdb"},
}

_MAX_COVER = "tokenlayer.original.max_cover.MaxCoverConfig"
_RANDOM_NGRAMS = "tokenlayer.vocabularies.random_ngrams.RandomNgramsConfig"

CLASSES: Mapping[str, str] = {
    "tokenlayer.data.imdb.ImdbConfig": "tokenlayer.data.sources.imdb.ImdbConfig",
    "tokenlayer.data.planted.PlantedConfig": "tokenlayer.data.sources.planted.PlantedConfig",
    "tokenlayer.data.table.TableConfig": "tokenlayer.data.sources.table.TableConfig",
    "tokenlayer.models.heads.flatten.FlattenHeadConfig": "tokenlayer.original.flatten.FlattenHeadConfig",
    "tokenlayer.models.keras.KerasAdam": "tokenlayer.original.keras.KerasAdam",
    "tokenlayer.references.nbsvm.NbsvmConfig": "tokenlayer.baselines.nbsvm.NbsvmConfig",
    "tokenlayer.references.tfidf.TfidfConfig": "tokenlayer.baselines.tfidf.TfidfConfig",
    "tokenlayer.tokenization.initializers.bpe.BpeConfig": "tokenlayer.vocabularies.bpe.BpeConfig",
    "tokenlayer.tokenization.initializers.characters.CharactersConfig": (
        "tokenlayer.vocabularies.characters.CharactersConfig"
    ),
    "tokenlayer.tokenization.initializers.chi2_words.Chi2WordsConfig": (
        "tokenlayer.vocabularies.chi2_words.Chi2WordsConfig"
    ),
    "tokenlayer.tokenization.initializers.discriminative.DiscriminativeConfig": (
        "tokenlayer.vocabularies.chi2_ngrams.Chi2NgramsConfig"
    ),
    "tokenlayer.tokenization.initializers.frequent_grams.FrequentGramsConfig": (
        "tokenlayer.vocabularies.frequent_ngrams.FrequentNgramsConfig"
    ),
    "tokenlayer.tokenization.initializers.frequent_words.FrequentWordsConfig": (
        "tokenlayer.vocabularies.frequent_words.FrequentWordsConfig"
    ),
    "tokenlayer.tokenization.initializers.gaussian.GaussianConfig": "tokenlayer.original.gaussian.GaussianConfig",
    "tokenlayer.tokenization.initializers.greedy_cover.GreedyCoverConfig": (
        "tokenlayer.vocabularies.greedy_cover.GreedyCoverConfig"
    ),
    "tokenlayer.tokenization.initializers.l1_grams.L1GramsConfig": "tokenlayer.vocabularies.l1_ngrams.L1NgramsConfig",
    "tokenlayer.tokenization.initializers.l1_words.L1WordsConfig": "tokenlayer.vocabularies.l1_words.L1WordsConfig",
    "tokenlayer.tokenization.initializers.max_cover.MaxCoverConfig": (
        f"{_MAX_COVER} (of padding=blank: {_RANDOM_NGRAMS})"
    ),
    "tokenlayer.tokenization.initializers.unigram.UnigramConfig": "tokenlayer.vocabularies.unigram.UnigramConfig",
    "tokenlayer.tokenization.initializers.vocabulary.VocabularyConfig": "tokenlayer.vocabularies.listed.ListedConfig",
    "tokenlayer.tokenization.rules.frozen.FrozenRuleConfig": "tokenlayer.rules.frozen.FrozenRuleConfig",
    "tokenlayer.tokenization.rules.graft.GraftRuleConfig": "tokenlayer.rules.graft.GraftRuleConfig",
    "tokenlayer.tokenization.rules.grow.GrowRuleConfig": "tokenlayer.rules.grow.GrowRuleConfig",
    "tokenlayer.tokenization.rules.random_regrow.RandomRegrowRuleConfig": (
        "tokenlayer.rules.random_regrow.RandomRegrowRuleConfig"
    ),
    "tokenlayer.tokenization.rules.seed.SeedRuleConfig": "tokenlayer.original.rule.OriginalRuleConfig",
    "tokenlayer.training.callbacks.biography.BiographyConfig": (
        "tokenlayer.training.callbacks.token_history.TokenHistoryConfig"
    ),
}
"""Classes that a `_target_` may name."""


def new_option(group: str, option: str) -> str | None:
    """Return what to write in place of `group=option`; None if the option was not renamed."""
    new = _OPTIONS.get(group, {}).get(option)
    return None if new is None else f"{group}={new}"


def options_in(message: str) -> list[str]:
    """Return `; initializer=gaussian is now called initializer=…` for each renamed option in a message of Hydra's.

    Hydra quotes an option that a defaults list asks for, and that it cannot find, as `'initializer/gaussian'`.
    """
    return [
        f"; {group}={option} is now called {new_option(group, option)}"
        for group, options in _OPTIONS.items()
        for option in options
        if f"'{group}/{option}'" in message
    ]
