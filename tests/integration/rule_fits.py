"""Real fits of learning rules on planted texts, without the command and without a store."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytorch_lightning as pl
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from tokenlayer.data.module import DataModule
from tokenlayer.data.types import PreparedDataset
from tokenlayer.layer.matchers import EveryMatch
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.models.classifier import ClassifierConfig, ModelConfig
from tokenlayer.models.heads.base import HeadConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.rules.base import LearningRuleConfig, RuleContext
from tokenlayer.training.callbacks.planted_found_callback import share_found
from tokenlayer.training.module import AppliedEdit, TokenizationModule
from tokenlayer.vocabularies.base import InitializerContext
from tokenlayer.vocabularies.random_ngrams import RandomNgramsConfig


@dataclass
class Fit:
    """A training of a model with `rule`, as the experiments train it."""

    rule: LearningRuleConfig
    vocab_size: int = 100
    epochs: int = 4
    seed: int = 0
    head: HeadConfig = field(default_factory=PoolHeadConfig)
    embedding_dim: int | None = None
    model: ClassifierConfig | None = None
    """In place of the model with the head."""
    batch_size: int = 32
    after_edit: Callable[[pl.Trainer, TokenizationModule, AppliedEdit], None] = lambda *_: None

    def run(self, dataset: PreparedDataset) -> "Fitted":
        torch.manual_seed(self.seed)
        C, n_classes = dataset.alphabet.size, len(dataset.class_names)
        K = max(13, self.rule.min_token_length())
        context = InitializerContext(
            self.vocab_size,
            K,
            dataset.alphabet,
            dataset.training_texts(),
            lambda _: dataset.corpus(),
            torch.Generator().manual_seed(self.seed),
            EveryMatch(),
        )
        layer = self.rule.build_layer(Vocabulary.blank(self.vocab_size, K), C, EveryMatch())
        RandomNgramsConfig(list(range(5, 14))).fill(lambda: layer, context)
        config = self.model or ModelConfig(
            self.head, vocab_size=self.vocab_size, embedding_dim=self.embedding_dim, embedding_l2=0.01
        )
        model = config.build(layer, dataset.text_length, n_classes)
        D = model.embedding.embedding_dim
        texts = dataset.training_texts()
        rule = self.rule.build(RuleContext(self.vocab_size, K, C, D, model.n_outputs, texts, self.seed))
        module = TokenizationModule(
            model,
            lambda parameters: torch.optim.Adam(parameters, 0.01),
            lambda optimizer: CosineAnnealingLR(optimizer, self.epochs),
            rule=rule,
            embedding_l2=config.embedding_l2,
        )
        watch = _Watch(self.after_edit)
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=self.epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            callbacks=[watch],
        )
        trainer.fit(module, datamodule=DataModule(dataset, self.batch_size, self.seed, reshuffle=True))
        return Fitted(module, watch.edits, dataset)


class _Watch(pl.Callback):
    def __init__(self, after_edit: Callable[[pl.Trainer, TokenizationModule, AppliedEdit], None]) -> None:
        self.edits: list[tuple[int, AppliedEdit]] = []
        self._after_edit = after_edit

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: object) -> None:
        assert isinstance(pl_module, TokenizationModule)
        assert pl_module.current is not None
        if pl_module.current.edit is not None:
            self.edits.append((pl_module.current.step, pl_module.current.edit))
            self._after_edit(trainer, pl_module, pl_module.current.edit)


@dataclass(frozen=True)
class Fitted:
    """What has become of it."""

    module: TokenizationModule
    edits: list[tuple[int, AppliedEdit]]
    dataset: PreparedDataset

    @property
    def tokens(self) -> list[str]:
        return self.module.model.tokenization.vocabulary().decode(self.dataset.alphabet)

    def found(self) -> float:
        """Share of the planted patterns of all classes that are tokens."""
        assert self.dataset.ground_truth is not None
        return share_found(
            [p for patterns in self.dataset.ground_truth.patterns.values() for p in patterns], self.tokens
        )
