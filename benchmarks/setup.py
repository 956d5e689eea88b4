"""The measured configuration, composed as on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from tokenlayer.config.check import Spec, check
from tokenlayer.config.chosen import choose
from tokenlayer.config.compose import composing
from tokenlayer.data.module import DataModule
from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import Batch, PreparedDataset
from tokenlayer.training.build import build_model
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job
from tokenlayer.training.module import TokenizationModule


def configuration(overrides: Sequence[str]) -> TrainConfig:
    """The checked configuration of a training run, with all open settings chosen."""
    spec = Spec(TrainConfig, lambda composed, _line: composed)
    with composing("train") as composer:
        checked: list[Job[TrainConfig]] = check(composer, overrides, spec, multirun=False)
    return choose(checked[0].config, checked[0].resolved).config


class Bench:
    """Data, module and endless training batches, with torch set up as by the trainer."""

    def __init__(self, overrides: Sequence[str]) -> None:
        self.config = configuration(overrides)
        trainer = self.config.trainer
        if trainer.threads is not None:
            torch.set_num_threads(trainer.threads)
        torch.use_deterministic_algorithms(trainer.deterministic)
        torch.manual_seed(self.config.seed)
        self.dataset: PreparedDataset = prepare(self.config.dataset)
        self.module = TokenizationModule(build_model(self.config, self.dataset), self.config.optimizer)
        self.model = self.module.model
        self.optimizer = self.config.optimizer(self.model.parameters())

    def data(self) -> DataModule:
        """The loaders."""
        dataset = self.config.dataset
        assert dataset.batch_size is not None, "chosen by the texts"
        return DataModule(self.dataset, dataset.batch_size, self.config.seed, reshuffle=dataset.reshuffle)

    def batches(self) -> Iterator[Batch]:
        """Training batches, epoch after epoch."""
        while True:
            yield from self.data().train_dataloader()
