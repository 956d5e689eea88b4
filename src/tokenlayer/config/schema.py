"""The roots: everything that a person may set for `tokenlayer train` and `tokenlayer evaluate`."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch.optim.lr_scheduler import LRScheduler

from tokenlayer.data.config import DatasetConfig
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.tokenization.initializers.base import InitializerConfig
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.training.callbacks.base import CallbackConfig
from tokenlayer.training.trainer import TrainerConfig


@dataclass(kw_only=True)
class TrainConfig:
    """One training run (`conf/train.yaml`)."""

    seed: int
    """Of the initial patterns and weights, and of the order of the batches."""
    dataset: DatasetConfig
    """The texts (group `dataset`)."""
    initializer: InitializerConfig
    """Where the first patterns come from (group `initializer`)."""
    model: ModelConfig
    """The network (group `model`)."""
    optimizer: functools.partial[torch.optim.Optimizer]
    """What updates the weights (group `optimizer`); the program adds the parameters."""
    lr_scheduler: functools.partial[LRScheduler] | None
    """What changes the learning rate, once an epoch (group `lr_scheduler`); null: nothing."""
    trainer: TrainerConfig
    """Device, length and precision of the training (group `trainer`)."""
    callbacks: dict[str, CallbackConfig | None]
    """What watches, records and keeps (group `callbacks`); null takes one away."""
    tracking: TrackingConfig
    """Where the run is recorded (group `tracking`)."""
    output_dir: str = "outputs"
    """Folder of what runs write."""
    test_weights: Literal["best", "last"] = "best"
    """What is tested: the weights of the best checkpoint, or those that training ended with."""
    resume: str | None = None
    """Id of the run to continue; its own configuration is used, with the other settings on top."""
    allow_targets: list[str] = field(default_factory=list)
    """Packages besides `tokenlayer` and `torch` that a `_target_` may name."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """What only the classes themselves know of their values: `lr=-1`. Makes both for one dummy weight."""
        if not 0 <= self.seed < 2**32:
            yield "seed", f"{self.seed} is not between 0 and 2³² − 1"
        try:
            optimizer = self.optimizer([torch.nn.Parameter(torch.zeros(1))])
        except (TypeError, ValueError) as error:
            yield "optimizer", str(error)
            return
        try:
            if self.lr_scheduler is not None:
                self.lr_scheduler(optimizer)
        except (TypeError, ValueError, ArithmeticError) as error:
            yield "lr_scheduler", str(error)


@dataclass(kw_only=True)
class EvaluateConfig:
    """One evaluation of a trained model (`conf/evaluate.yaml`)."""

    run: str
    """Id of the run whose best checkpoint is evaluated, or the path of a checkpoint."""
    dataset: DatasetConfig
    """The texts (group `dataset`); those of the run unless another is chosen."""
    split: Literal["auto", "train", "validation", "test", "all"] = "auto"
    """Which of them; auto: the test texts of the run's own dataset, all texts of another."""
    trainer: TrainerConfig
    """The device (group `trainer`)."""
    tracking: TrackingConfig
    """Where the run is recorded (group `tracking`)."""
    output_dir: str = "outputs"
    """Folder of what runs write."""
    allow_targets: list[str] = field(default_factory=list)
    """Packages besides `tokenlayer` and `torch` that a `_target_` may name."""
