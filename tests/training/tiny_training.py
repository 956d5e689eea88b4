"""A real fit on planted texts with some callbacks, without the command line around it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console

from tokenlayer.data.module import DataModule
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.original.flatten import FlattenHeadConfig
from tokenlayer.original.keras import KerasAdam
from tokenlayer.original.max_cover import MaxCoverConfig
from tokenlayer.original.rule import OriginalRuleConfig
from tokenlayer.rules.base import LearningRuleConfig, RuleContext
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.lightning_logger import RecorderLogger
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.training.callbacks.base import CallbackConfig, RunContext
from tokenlayer.training.job import Job
from tokenlayer.training.module import TokenizationModule
from tokenlayer.training.trainer import TrainerConfig

BATCH = 8
STEPS_PER_EPOCH = 17
TEXTS = {"text_length": 60, "n_texts": 200, "n_words": 12, "batch_size": BATCH}


@dataclass
class Training:
    """What a fit is made of; each part may be changed before `fit`."""

    output_dir: Path
    dataset: PlantedConfig = field(default_factory=lambda: PlantedConfig(**TEXTS))
    model: ModelConfig = field(default_factory=lambda: ModelConfig(FlattenHeadConfig(hidden=4), vocab_size=40))
    initializer: MaxCoverConfig = field(
        default_factory=lambda: MaxCoverConfig(ngram_lengths=[2, 3, 4], padding="blank")
    )
    trainer: TrainerConfig = field(default_factory=lambda: TrainerConfig(accelerator="cpu", max_epochs=1, threads=1))
    terminal: bool = False
    rule: LearningRuleConfig = field(default_factory=OriginalRuleConfig)

    def fit(self, *configs: CallbackConfig, more: Sequence[pl.Callback] = (), test: bool = False) -> "Fitted":
        """Train with the configured callbacks, then with `more`."""
        prepared = prepare(self.dataset)
        torch.manual_seed(0)
        alphabet = prepared.alphabet
        generator = torch.Generator().manual_seed(0)
        initializer = self.initializer.build(prepared.corpus(), alphabet, generator)
        K = self.initializer.default_token_length()
        model = self.model.build(
            initializer,
            K,
            alphabet.size,
            prepared.text_length,
            len(prepared.class_names),
            trains_characters=self.rule.trains_characters,
        )
        D = model.embedding.embedding_dim
        context = RuleContext(self.model.vocab_size, K, alphabet.size, D, prepared.training_texts(), 0)
        header = {"alphabet": alphabet.chars}
        module = TokenizationModule(model, KerasAdam, header=header, rule=self.rule.build(context))
        data = DataModule(prepared, self.dataset.batch_size, 0, reshuffle=True)
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
