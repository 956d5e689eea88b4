"""The Lightning trainer of a run."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from tokenlayer.data.profile import TextProfile
from tokenlayer.data.settling import Choice, OpenSettings, Plan
from tokenlayer.errors import InputError

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from pytorch_lightning.callbacks import Callback, EarlyStopping
    from pytorch_lightning.loggers import Logger

_LEAST_STEPS = 2000
_EPOCHS = range(4, 21)

# Lightning 2.6 asks torch 2.13 in a way that torch is about to drop; nothing that a user could change.
warnings.filterwarnings(
    "ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated", module="pytorch_lightning"
)


@dataclass
class EarlyStoppingConfig:
    """Stops a training that no longer gets better."""

    monitor: str = "validation/loss"
    """The metric to watch, by the name it is logged under."""
    mode: Literal["min", "max"] = "min"
    """min: a smaller value is better; max: a larger one."""
    patience: int = 3
    """Validations without improvement before the training stops."""
    min_delta: float = 0.0
    """Smaller changes count as none."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant."""
        if self.patience < 1:
            yield "patience", f"{self.patience} is below 1"
        if self.min_delta < 0:
            yield "min_delta", f"{self.min_delta} is below 0"


@dataclass
class TrainerConfig(OpenSettings):
    """The device, length and precision of a training."""

    open_fields: ClassVar[tuple[str, ...]] = ("max_epochs",)

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """What to train on; auto takes a GPU where there is one."""
    devices: int = 1
    """The number of devices."""
    precision: Literal["32-true", "64-true"] = "32-true"
    """The precision of weights and of arithmetic."""
    max_epochs: int | None = None
    """Epochs to train; null: chosen by the number of training texts; -1: no bound, `max_steps` ends the training."""
    max_steps: int = -1
    """Optimizer steps to train at most; -1: no bound, `max_epochs` ends the training."""
    limit_train_batches: int | float | None = None
    """Training batches of an epoch: a number, a share (0.1), or null for all."""
    limit_val_batches: int | float | None = None
    """Validation batches: a number, a share, or null for all."""
    limit_test_batches: int | float | None = None
    """Test batches: a number, a share, or null for all."""
    val_check_interval: int | float | None = None
    """Validate every so many batches, or so large a share of an epoch; null: at its end."""
    gradient_clip_val: float | None = None
    """Largest norm of the gradient; null: no clipping."""
    deterministic: bool = True
    """The same numbers every time; operations that cannot give them fail."""
    threads: int | None = None
    """CPU threads of torch; null: torch decides."""
    early_stopping: EarlyStoppingConfig | None = None
    """When to stop early; null: never."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work, here or anywhere."""
        if self.devices < 1:
            yield "devices", f"{self.devices} is below 1"
        for name in ("max_epochs", "max_steps"):
            bound = getattr(self, name)
            if bound is not None and (bound == 0 or bound < -1):
                yield name, f"{bound} is no length of a training; give 1 or more, or -1 for no bound"
        if self.max_epochs == self.max_steps == -1:
            yield "max_epochs", "this training has no end; set max_epochs or max_steps"
        if self.threads is not None and self.threads < 1:
            yield "threads", f"{self.threads} is below 1"
        for name in ("limit_train_batches", "limit_val_batches", "limit_test_batches", "val_check_interval"):
            bound = getattr(self, name)
            if bound is not None and (bound < 0 or (isinstance(bound, float) and bound > 1)):
                yield name, f"{bound} is neither a number of batches nor a share between 0.0 and 1.0"
        if self.limit_train_batches == 0:
            yield "limit_train_batches", "0 batches train nothing; give 1 or more, a share, or null"
        if self.val_check_interval == 0:
            yield "val_check_interval", "0 batches between validations; give 1 or more, a share, or null"
        if self.accelerator == "gpu" and not _has_cuda():
            yield "accelerator", "gpu: torch finds no CUDA device here; use auto or cpu"

    def settle(self, texts: TextProfile, plan: Plan) -> Iterable[Choice]:
        """Few texts are read more often."""
        batches = self.train_batches(plan.full_batches)
        yield Choice("max_epochs", epochs(batches, self.max_steps), f"{batches} steps an epoch")

    def batch_problems(self, train: int, validation: int, test: int) -> Iterator[tuple[str, str]]:
        """Field and message of each value that does not fit data of so many batches."""
        batches = {"limit_train_batches": train, "limit_val_batches": validation, "limit_test_batches": test}
        for name, number in batches.items():
            share = getattr(self, name)
            if isinstance(share, float) and 0 < share * number < 1:
                yield (
                    name,
                    f"{share} of {number} batches is less than one; give {math.ceil(100 / number) / 100} or more",
                )
        used = self.train_batches(train)
        interval = self.val_check_interval
        if isinstance(interval, int) and interval > used and self.limit_val_batches != 0:
            yield "val_check_interval", f"{interval}: an epoch has only {used} batches; give {used} or less, or null"

    def train_batches(self, available: int) -> int:
        """Batches of an epoch, of so many that the texts give."""
        limit = 1.0 if self.limit_train_batches is None else self.limit_train_batches
        return int(limit * available) if isinstance(limit, float) else min(limit, available)

    def n_steps(self, batches: int) -> int:
        """Optimizer steps of a training whose epochs have so many batches, unless it is stopped early."""
        assert self.max_epochs is not None, "settled"
        by_epochs = math.inf if self.max_epochs == -1 else self.max_epochs * batches
        return int(min(by_epochs, math.inf if self.max_steps == -1 else self.max_steps))

    def check_batches(self, train: int, validation: int, test: int) -> None:
        """Raise `InputError` for what does not fit data of so many batches, and Lightning would only trip over."""
        problems = list(self.batch_problems(train, validation, test))
        if problems:
            raise InputError("\n".join(f"trainer.{name}: {message}" for name, message in problems))

    def build(self, callbacks: Sequence[Callback], logger: Logger | bool, run_dir: Path) -> pl.Trainer:
        """The trainer, with early stopping among its callbacks; sets torch's threads for this process.

        `run_dir` is the run's own folder: nothing of Lightning's may land in the working directory.
        """
        import pytorch_lightning as pl
        import torch
        from pytorch_lightning.callbacks import Checkpoint

        from tokenlayer.training.no_profiler import NoProfiler

        if self.threads is not None:
            torch.set_num_threads(self.threads)
        every = [*callbacks, *self._stoppers()]
        return pl.Trainer(
            accelerator=self.accelerator,
            devices=self.devices,
            precision=self.precision,
            max_epochs=self.max_epochs,
            max_steps=self.max_steps,
            limit_train_batches=self.limit_train_batches,
            limit_val_batches=self.limit_val_batches,
            limit_test_batches=self.limit_test_batches,
            val_check_interval=self.val_check_interval,
            gradient_clip_val=self.gradient_clip_val,
            # The callbacks that log training steps have strides of their own.
            log_every_n_steps=1,
            deterministic=self.deterministic,
            callbacks=every,
            logger=logger,
            profiler=NoProfiler(),
            default_root_dir=run_dir,
            # Lightning adds a checkpoint callback of its own where it finds none.
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in every),
            # The live view and the preview at the start are callbacks of ours.
            enable_progress_bar=False,
            enable_model_summary=False,
            # Our loaders are no torch DataLoaders; there is nothing to put a sampler into.
            use_distributed_sampler=False,
            # A validation of an untrained model would stand in the metrics before step 0.
            num_sanity_val_steps=0,
        )

    def _stoppers(self) -> list[EarlyStopping]:
        from pytorch_lightning.callbacks import EarlyStopping

        rule = self.early_stopping
        if rule is None:
            return []
        return [EarlyStopping(rule.monitor, mode=rule.mode, patience=rule.patience, min_delta=rule.min_delta)]


def epochs(batches: int, max_steps: int) -> int:
    """Epochs of `batches` steps that make some 2,000 steps, or `max_steps` unless it is -1."""
    if max_steps != -1:
        return math.ceil(max_steps / batches)
    return max(_EPOCHS.start, min(_EPOCHS.stop - 1, math.ceil(_LEAST_STEPS / batches)))


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()
