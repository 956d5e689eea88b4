"""The roots of two configurations: everything that a person may set for `tokenlayer train` and `evaluate`."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Annotated, Any, Literal

from tokenlayer.data.config import DatasetConfig
from tokenlayer.errors import InputError
from tokenlayer.hints import did_you_mean, near
from tokenlayer.models.classifier import ClassifierConfig, ModelConfig
from tokenlayer.outside import Imported, Kind
from tokenlayer.rules.base import LearningRuleConfig
from tokenlayer.rules.graft import GraftRuleConfig
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.sweep_config import SweepConfig
from tokenlayer.training.callbacks.base import CallbackConfig
from tokenlayer.training.metric_names import NAMES
from tokenlayer.training.schedule import Schedule
from tokenlayer.training.trainer import TrainerConfig
from tokenlayer.vocabularies.base import InitializerConfig
from tokenlayer.vocabularies.random_ngrams import RandomNgramsConfig


def _adam() -> functools.partial[Any]:
    return functools.partial(Imported("torch.optim.Adam"), lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)


def _cosine() -> Schedule:
    return Schedule(Imported("torch.optim.lr_scheduler.CosineAnnealingLR"), T_max=None, eta_min=0.0)


def _problems_in(section: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """Dotted key and message of what a dataclass and those within it object to."""
    for inner in fields(section):
        value = getattr(section, inner.name)
        if is_dataclass(value):
            yield from _problems_in(value, f"{prefix}{inner.name}.")
    if hasattr(section, "problems"):
        yield from ((f"{prefix}{name}", message) for name, message in section.problems())


@dataclass(kw_only=True)
class TrainConfig:
    """One training run (`conf/train.yaml`, which has the same defaults)."""

    seed: int = 0
    """Decides the initial tokens and weights, and the order of the batches."""
    dataset: DatasetConfig
    """The texts (group `dataset`)."""
    initializer: InitializerConfig = field(default_factory=RandomNgramsConfig)
    """The source of the first tokens (group `initializer`)."""
    learning_rule: LearningRuleConfig = field(default_factory=GraftRuleConfig)
    """The rule by which the tokens change (group `learning_rule`)."""
    model: ClassifierConfig = field(default_factory=ModelConfig)
    """The network (group `model`)."""
    optimizer: Annotated[functools.partial[Any], Kind("torch.optim.Optimizer")] = field(default_factory=_adam)
    """The optimizer of the weights (group `optimizer`); the program adds the parameters."""
    lr_scheduler: Annotated[Schedule, Kind("torch.optim.lr_scheduler.LRScheduler")] | None = field(
        default_factory=_cosine
    )
    """The schedule of the learning rate (group `lr_scheduler`); null: the rate is constant."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    """Device, length and precision of the training (group `trainer`)."""
    callbacks: dict[str, CallbackConfig | None] = field(default_factory=dict)
    """The callbacks, which watch, record and keep (group `callbacks`); null takes one away. Without a store to record
    in there are none."""
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    """The store in which the run is recorded (group `tracking`)."""
    output_dir: str = "outputs"
    """Folder of what runs write."""
    test_weights: Literal["best", "last"] = "best"
    """The weights that are tested, and that are the run's model for what reads it: those of the best checkpoint, or
    those that training ended with."""
    sweep: SweepConfig = field(default_factory=SweepConfig)
    """The name of a multirun, and what stops it."""
    resume: str | None = None
    """The run to continue, by id, a unique beginning of it, or name; its own configuration is used, with the other
    settings on top."""
    allow_targets: list[str] = field(default_factory=list)
    """Packages besides `tokenlayer` and `torch` that a `_target_` may name."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield key and message of each value that does not fit another section, or that torch's classes reject."""
        if not 0 <= self.seed < 2**32:
            yield "seed", f"{self.seed} is not between 0 and 2³² − 1"
        yield from self._length_problems()
        yield from self._monitor_problems()
        yield from self._schedule_problems()
        yield from self._optimizer_problems()

    def check(self) -> None:
        """Raise one InputError that names every wrong value, for configurations made in Python."""
        found = list(_problems_in(self, ""))
        if found:
            raise InputError("\n".join(f"{key}: {message}" for key, message in found))

    def max_token_length(self) -> int:
        """Return K: as set, else what initializer and learning rule need."""
        needed = max(self.initializer.default_token_length(), self.learning_rule.min_token_length())
        return self.model.max_token_length or needed

    def _length_problems(self) -> Iterator[tuple[str, str]]:
        K = self.model.max_token_length
        for name in ("initializer", "learning_rule"):
            least = getattr(self, name).min_token_length()
            if K is not None and 1 <= K < least:
                yield (
                    "model.max_token_length",
                    f"{K} is below the longest n-gram of the {name.replace('_', ' ')} ({least}): raise it, or shorten "
                    f"{name}.ngram_lengths",
                )
        try:
            K = self.max_token_length()
        except InputError:  # a file of patterns that cannot be read is reported, with its place, where it is used
            return
        L = self.dataset.text_length
        if L is not None and 1 <= L < K:
            yield (
                "dataset.text_length",
                f"{L} is below model.max_token_length={K}: no pattern fits into a text; give longer "
                "texts or shorter patterns",
            )

    def _monitor_problems(self) -> Iterator[tuple[str, str]]:
        if self.allow_targets:  # a callback from elsewhere may log metrics of its own
            return
        known = [f"validation/{name}" for name in NAMES]
        monitors = {f"callbacks.{name}": callback for name, callback in self.callbacks.items()}
        for key, monitor in {**monitors, "trainer.early_stopping": self.trainer.early_stopping}.items():
            metric = getattr(monitor, "monitor", known[0])
            if metric not in known:
                yield (
                    f"{key}.monitor",
                    f"validations log no {metric}{did_you_mean(near(metric, known))}; known: {', '.join(known)}",
                )

    def _schedule_problems(self) -> Iterator[tuple[str, str]]:
        if self.lr_scheduler is not None:
            found = self.lr_scheduler.period_problems(self.trainer.max_epochs)
            yield from ((f"lr_scheduler.{name}", message) for name, message in found)

    def _optimizer_problems(self) -> Iterator[tuple[str, str]]:
        """Make optimizer and schedule for one dummy weight, and yield what their classes object to, such as `lr=-1`."""
        parts = [part for part in (self.optimizer, self.lr_scheduler) if part is not None]
        if all(isinstance(part.func, Imported) for part in parts):  # known to be right: torch need not be waited for
            return
        import torch

        try:
            optimizer = self.optimizer([torch.nn.Parameter(torch.zeros(1))])
        except (TypeError, ValueError) as error:
            yield "optimizer", str(error)
            return
        if self.lr_scheduler is None:
            return
        if self.lr_scheduler.left_open():  # looked at again when it has been chosen
            return
        try:
            self.lr_scheduler(optimizer)
        except (TypeError, ValueError, ArithmeticError) as error:
            yield "lr_scheduler", str(error)


@dataclass(kw_only=True)
class EvaluateConfig:
    """One evaluation of a trained model (`conf/evaluate.yaml`)."""

    run: str
    """The run whose model is evaluated (see `test_weights`), by id, a unique beginning of it, or name; or the path of a
    checkpoint."""
    dataset: DatasetConfig
    """The texts (group `dataset`); those of the run unless another is chosen."""
    split: Literal["auto", "train", "validation", "test", "all"] = "auto"
    """The split that is evaluated; auto: the test texts of the run's own dataset, all texts of another."""
    trainer: TrainerConfig
    """The device (group `trainer`)."""
    tracking: TrackingConfig
    """The store in which the run is recorded (group `tracking`)."""
    output_dir: str = "outputs"
    """Folder of what runs write."""
    allow_targets: list[str] = field(default_factory=list)
    """Packages besides `tokenlayer` and `torch` that a `_target_` may name."""
