"""A real fit on planted texts with some callbacks, without the command line around it."""

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console
from torch.optim.lr_scheduler import CosineAnnealingLR

from tokenlayer.data.module import DataModule
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.models.classifier import ClassifierConfig, ModelConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.original.flatten import FlattenHeadConfig
from tokenlayer.original.keras import KerasAdam
from tokenlayer.original.max_cover import MaxCoverConfig
from tokenlayer.original.model import OriginalModelConfig
from tokenlayer.original.rule import OriginalRuleConfig
from tokenlayer.rules.base import LearningRuleConfig
from tokenlayer.rules.graft import GraftRuleConfig
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.lightning_logger import RecorderLogger
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.training.build import build_model, build_rule, checkpoint_header
from tokenlayer.training.callbacks.base import CallbackConfig, RunContext
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job
from tokenlayer.training.module import OptimizerFactory, TokenizationModule
from tokenlayer.training.trainer import TrainerConfig
from tokenlayer.vocabularies.base import InitializerConfig
from tokenlayer.vocabularies.random_ngrams import RandomNgramsConfig

BATCH = 8
STEPS_PER_EPOCH = 17
N = 40
TEXTS = {"text_length": 60, "n_texts": 200, "n_words": 12, "batch_size": BATCH}
LENGTHS = (2, 3, 4)


@dataclass
class Training:
    """What a fit is made of, the recommended parts by default; each may be changed before `fit`."""

    output_dir: Path
    dataset: PlantedConfig = field(default_factory=lambda: PlantedConfig(**TEXTS))
    model: ClassifierConfig = field(
        default_factory=lambda: ModelConfig(PoolHeadConfig(), vocab_size=N, embedding_l2=0.01)
    )
    initializer: InitializerConfig = field(default_factory=lambda: RandomNgramsConfig(ngram_lengths=list(LENGTHS)))
    rule: LearningRuleConfig = field(
        default_factory=lambda: GraftRuleConfig(ngram_lengths=list(LENGTHS), edit_interval=0.5, min_texts=3)
    )
    optimizer: OptimizerFactory = field(default_factory=lambda: functools.partial(torch.optim.Adam, lr=0.01))
    anneals: bool = True
    """The learning rate goes down along half a cosine."""
    trainer: TrainerConfig = field(default_factory=lambda: TrainerConfig(accelerator="cpu", max_epochs=1, threads=1))
    terminal: bool = False

    def fit(self, *configs: CallbackConfig, more: Sequence[pl.Callback] = (), test: bool = False) -> "Fitted":
        """Train with the configured callbacks, then with `more`."""
        prepared = prepare(self.dataset)
        config = self._config()
        torch.manual_seed(0)
        module = TokenizationModule(
            build_model(config, prepared),
            self.optimizer,
            (lambda optimizer: CosineAnnealingLR(optimizer, self._steps())) if self.anneals else None,
            checkpoint_header(config, {}, prepared),
            build_rule(config, prepared),
            self.model.embedding_l2 or 0.0,
        )
        data = DataModule(prepared, BATCH, 0, reshuffle=True)
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=self.terminal, width=120, color_system=None)
        with Recorder.start(TrackingConfig(), self.output_dir) as recorder:
            run = RunContext(recorder, prepared, Job(None, {}), console)
            callbacks = [config.build(run) for config in configs]
            trainer = self.trainer.build([*callbacks, *more], RecorderLogger(recorder), recorder.root)
            trainer.fit(module, datamodule=data)
            if test:
                trainer.test(module, datamodule=data, verbose=False)
        return Fitted(trainer, module, recorder, callbacks, data, screen.getvalue())

    def _steps(self) -> int:
        return self.trainer.max_epochs * STEPS_PER_EPOCH

    def _config(self) -> TrainConfig:
        return TrainConfig(
            seed=0,
            dataset=self.dataset,
            initializer=self.initializer,
            learning_rule=self.rule,
            model=self.model,
            optimizer=functools.partial(torch.optim.Adam),
            lr_scheduler=None,
            trainer=self.trainer,
            callbacks={},
            tracking=TrackingConfig(),
        )


def original(output_dir: Path) -> Training:
    """The original's parts and settings."""
    return Training(
        output_dir,
        model=OriginalModelConfig(FlattenHeadConfig(hidden=4), vocab_size=N),
        initializer=MaxCoverConfig(ngram_lengths=list(LENGTHS), padding="blank"),
        rule=OriginalRuleConfig(),
        optimizer=KerasAdam,
        anneals=False,
    )


@dataclass(frozen=True)
class Fitted:
    """What is left of a fit."""

    trainer: pl.Trainer
    module: TokenizationModule
    recorder: Recorder
    callbacks: list[Any]
    data: DataModule
    shown: str
    """What came to the terminal."""
