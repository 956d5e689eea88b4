"""A training made ready for Lightning: what the command trains, from a configuration made in Python."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pytorch_lightning as pl

from tokenlayer.data.module import DataModule
from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import PreparedDataset
from tokenlayer.layer.base import TokenLayer
from tokenlayer.layer.vocabulary import BLANK_SIGN
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.rules.learning_rule import LearningRule
from tokenlayer.training.build import build_layer, build_rule, checkpoint_header
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.module import TokenizationModule
from tokenlayer.training.plain import NotPlainError, plain_config
from tokenlayer.training.settling import settled


class Training:
    """The parts of a training, each made when it is first asked for: data, token layer, rule, model, Lightning module.

        training = Training(TrainConfig(dataset=TextsConfig(texts, labels)))
        trainer = pl.Trainer(max_epochs=training.config.trainer.max_epochs)
        trainer.fit(training.module, training.data)

    Attributes:
        config: the configuration, nothing in it left open.
        choices: what was left open and has been chosen from the training texts, with the reasons.

    Args:
        config: the settings; their defaults are those of `tokenlayer train`. What they leave open is chosen from the
            training texts.
        resolved: the same in plain containers, for checkpoints to carry; None: made of `config`, without texts that it
            holds itself.

    Raises:
        InputError: the texts cannot be read, or are not fit to train on; settings do not fit them.

    """

    def __init__(self, config: TrainConfig, resolved: Mapping[str, Any] | None = None) -> None:
        config.check()
        self.config, self.choices = settled(config)
        self.config.check()  # again: what was chosen may not fit what was set
        self._resolved = resolved

    @cached_property
    def dataset(self) -> PreparedDataset:
        """The texts, cleaned, encoded and split."""
        return prepare(self.config.dataset)

    @cached_property
    def data(self) -> DataModule:
        """The batches of the dataset; those of the training texts in the order that the seed decides."""
        dataset = self.config.dataset
        assert dataset.batch_size is not None, "settled"
        return DataModule(self.dataset, dataset.batch_size, self.config.seed, reshuffle=dataset.reshuffle)

    @cached_property
    def layer(self) -> TokenLayer:
        """The token layer with the first tokens."""
        return build_layer(self.config, self.dataset)

    @cached_property
    def rule(self) -> LearningRule:
        """The learning rule, which knows the training texts and no others."""
        return build_rule(self.config, self.dataset)

    @cached_property
    def model(self) -> TokenizationClassifier:
        """The classifier around the layer. Making it seeds the random numbers of Python, numpy and torch."""
        pl.seed_everything(self.config.seed, verbose=False)
        return self.config.model.build(self.layer, self.dataset.text_length, len(self.dataset.class_names))

    @cached_property
    def module(self) -> TokenizationModule:
        """Model and rule for a Lightning trainer."""
        embedding_l2 = self.config.model.embedding_l2
        assert embedding_l2 is not None, "settled"
        return TokenizationModule(
            self.model,
            self.config.optimizer,
            self.config.lr_scheduler,
            checkpoint_header(self.config, self._carried(), self.dataset),
            self.rule,
            embedding_l2,
        )

    def _carried(self) -> Mapping[str, Any]:
        """The configuration that checkpoints carry; none where a part has no name by which it could be found again."""
        if self._resolved is not None:
            return self._resolved
        try:
            return plain_config(self.config)
        except NotPlainError:
            return {}

    def tokens(self) -> list[str]:
        """The present tokens, without the blanks at their ends; `█` is a blank within one, which accepts anything."""
        decoded = self.layer.vocabulary().decode(self.dataset.alphabet)
        return [token.rstrip(BLANK_SIGN) for token in decoded]
