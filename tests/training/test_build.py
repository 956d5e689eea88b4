"""Which initializers, rules and layers go together, for rules of a user's own too."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from random_edits import RandomEditsConfig
from tiny_training import STEPS_PER_EPOCH, N, Training

from tokenlayer.errors import InputError
from tokenlayer.layer.matchers import EveryMatch
from tokenlayer.layer.words import WordMatcher
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.network import OriginalClassifier
from tokenlayer.rules.base import LearningRuleConfig, RuleContext
from tokenlayer.rules.learning_rule import LearningRule, NoOpRule
from tokenlayer.vocabularies.bpe import BpeConfig
from tokenlayer.vocabularies.frequent_words import FrequentWordsConfig
from tokenlayer.vocabularies.random_ngrams import RandomNgramsConfig

WORDS = FrequentWordsConfig(longest=12, min_texts=2)


class Watching(NoOpRule):
    """A rule of a user's own that only looks on."""

    keeps_vocabulary = False

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []

    def observe(self, observation):
        self.steps.append(observation.progress.step)


@dataclass
class WatchingConfig(LearningRuleConfig):
    keeps_vocabulary: ClassVar[bool] = True

    def build(self, context: RuleContext) -> LearningRule:
        return Watching()


@pytest.mark.parametrize("initializer", [WORDS, BpeConfig(segment=True)], ids=["words", "segmentation"])
def test_a_users_rule_that_keeps_the_vocabulary_takes_whole_words(training: Training, initializer) -> None:
    training.initializer = initializer
    training.model.vocab_size = 30
    training.rule = WatchingConfig()
    fitted = training.fit()
    layer = fitted.module.model.tokenization
    assert type(layer.matcher) is type(initializer.matcher(fitted.data.prepared.alphabet)) is not EveryMatch
    assert fitted.module.rule.steps == list(range(STEPS_PER_EPOCH))
    assert fitted.trainer.callback_metrics["validation/loss"].isfinite()


def test_words_match_as_whole_words_only(training: Training) -> None:
    training.initializer, training.model.vocab_size, training.rule = WORDS, 20, WatchingConfig()
    fitted = training.fit()
    prepared = fitted.data.prepared
    (validation,) = torch.from_numpy(prepared.splits["validation"].codes[:30].astype("int64")).split(30)
    matches = fitted.module.model.tokenization(validation).matches
    assert isinstance(fitted.module.model.tokenization.matcher, WordMatcher)
    texts = ["".join([*prepared.alphabet.signs, " "][code] for code in row) for row in validation.tolist()]
    words = [pattern.rstrip("█") for pattern in fitted.module.model.tokenization.vocabulary().decode(prepared.alphabet)]
    assert len(matches) == sum(text.split().count(word) for text in texts for word in words) > 0


def test_a_users_rule_that_replaces_tokens_is_refused_with_words(training: Training) -> None:
    training.initializer, training.rule = WORDS, RandomEditsConfig()
    with pytest.raises(InputError, match=r"words, and the pieces of a segmentation.*add learning_rule=frozen"):
        training.fit()


def test_a_rule_may_call_a_buffer_edits(training: Training) -> None:
    class Counting(Watching):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("edits", torch.zeros((), dtype=torch.int64))

        def observe(self, observation):
            self.edits += 1

    @dataclass
    class CountingConfig(WatchingConfig):
        def build(self, context: RuleContext) -> LearningRule:
            return Counting()

    training.rule = CountingConfig()
    assert training.fit().module.rule.state_dict()["edits"] > 0


def test_a_rule_that_edits_nothing_is_not_shown_the_steps(training: Training) -> None:
    class Blind(Watching):
        keeps_vocabulary = True

    @dataclass
    class BlindConfig(WatchingConfig):
        def build(self, context: RuleContext) -> LearningRule:
            return Blind()

    training.rule = BlindConfig()
    assert training.fit().module.rule.steps == []


def test_the_layer_is_the_rules_and_the_loss_the_models(training: Training, original: Training) -> None:
    original.initializer = RandomNgramsConfig(ngram_lengths=[2, 3])
    original.model.head = PoolHeadConfig()
    fitted = original.fit()
    assert isinstance(fitted.module.model, OriginalClassifier)
    layer = fitted.module.model.tokenization
    assert isinstance(layer, TokenizationLayer)
    assert fitted.trainer.optimizers[0].state[layer.patterns]["exp_avg_sq"].max() > 0, "a gradient moves characters"
    learned = training.fit().module.model
    assert type(learned) is TokenizationClassifier
    assert learned.tokenization.codes.shape == (N, 4)
    assert not [name for name, _ in learned.tokenization.named_parameters()]
