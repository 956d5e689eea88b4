"""Checkpoints, each of them a commit: what is logged so far is sealed and mirrored to MLflow together with it."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from tokenlayer import interrupts
from tokenlayer.errors import InputError
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback

LAST = "checkpoints/last.ckpt"
BEST = "checkpoints/best.ckpt"
_STEP = re.compile(r"step_(\d+)")


@dataclass(frozen=True)
class Kept:
    """A checkpoint that a run keeps."""

    artifact: str
    """`LAST` or `BEST`."""
    path: Path | None
    """The local file; None: it is damaged or gone."""
    step: int
    """Optimizer steps done."""


# Lightning moves Checkpoint callbacks to the end, so that what the others log of a step is in that step's commit.
class Checkpoints(RunCallback, pl.callbacks.Checkpoint):
    """Commits every ⌊n / per_epoch⌋ batches of an epoch and after validation, but for those soon after another.

    The best validation, the end of the training and a request to stop do not wait.

    `checkpoints/last.ckpt` is where the run resumes from; `checkpoints/best.ckpt` has the best monitored value.
    """

    def __init__(
        self,
        run: RunContext,
        per_epoch: int,
        seconds_apart: float,
        keep: Literal["all", "last_and_best"],
        monitor: str,
        mode: str,
    ) -> None:
        super().__init__(run)
        self.per_epoch = per_epoch
        self.seconds_apart = 0.0 if keep == "all" else seconds_apart
        self.keep_all = keep == "all"
        self.monitor = monitor
        self.mode = mode
        self.best_value: float | None = None
        self.best_file: str | None = None
        self.last_file: str | None = None
        self._latest = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        stride = max(1, int(trainer.num_training_batches) // self.per_epoch)
        stop = interrupts.requested() is not None
        is_due = batch_idx % stride == 0 and batch_idx != 0 and self._is_time()
        # Later the loops count an epoch that max_steps cut short as done, and no run could go on from there.
        # A validation that follows commits; the weights that the training ends with are in a checkpoint in any case.
        is_end = _at_last_step(trainer) or (
            batch_idx + 1 == trainer.num_training_batches and not _is_validated_next(trainer, batch_idx)
        )
        if is_due or stop or is_end:
            self._commit(trainer, keep=self.keep_all and is_due)
        interrupts.raise_if_requested()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return  # no state of a training, to go on from
        is_best, stop = self._is_best(trainer), interrupts.requested() is not None
        is_end = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs or _at_last_step(trainer)
        if is_best or is_end or stop or self._is_time():
            self._commit(trainer, keep=False, is_best=is_best)
        interrupts.raise_if_requested()

    def state_dict(self) -> dict[str, Any]:
        return {"best_value": self.best_value, "best_file": self.best_file, "last_file": self.last_file}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_value = state_dict["best_value"]
        self.best_file = state_dict["best_file"]
        resumed_from = self.recorder.resume_from
        known: str | None = state_dict.get("last_file")  # the state of an earlier version has none
        self.last_file = resumed_from.name if known is None and resumed_from is not None else known

    @property
    def best(self) -> Kept | None:
        """The checkpoint with the best monitored value; None without a validation."""
        return self._kept(BEST, self.best_file)

    @property
    def last(self) -> Kept | None:
        """The checkpoint that the training ended with; None before the first."""
        return self._kept(LAST, self.last_file)

    def _kept(self, artifact: str, name: str | None) -> Kept | None:
        found = None if name is None else _STEP.match(name)
        return None if found is None else Kept(artifact, self.recorder.checkpoint(found.string), int(found[1]))

    def place(self, best: Kept, trainer: pl.Trainer) -> str:
        """The best checkpoint in words: its step, its epoch, counted from 1 as in the terminal, and its value."""
        epoch = math.ceil(best.step / max(1, int(trainer.num_training_batches)))
        return f"the best checkpoint, {self.monitor} {self.best_value:.4f} at step {best.step} (epoch {epoch})"

    def _is_best(self, trainer: pl.Trainer) -> bool:
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(name for name in trainer.callback_metrics if "/" in name))
            raise InputError(f"callbacks.checkpoints.monitor={self.monitor}: no such metric; there are {known}")
        value = float(trainer.callback_metrics[self.monitor])
        better = self.best_value is None or (value > self.best_value if self.mode == "max" else value < self.best_value)
        if better and not math.isnan(value):
            self.best_value = value
        return better

    def _is_time(self) -> bool:
        return time.monotonic() - self._latest >= self.seconds_apart

    def _commit(self, trainer: pl.Trainer, keep: bool, is_best: bool = False) -> None:
        for callback in trainer.callbacks:  # type: ignore[attr-defined]  # Lightning declares it on the connector
            if isinstance(callback, RunCallback):
                callback.before_commit()
        # The last batch of an epoch may be committed before and after validation: two states of one step.
        suffix = "_validated" if trainer.validating else ""
        path = self.recorder.checkpoints / f"step_{trainer.global_step:08d}{suffix}.ckpt"
        self.last_file = path.name
        if is_best:
            self.best_file = path.name
        trainer.save_checkpoint(path, weights_only=False)  # the loops and the optimizer, too
        aliases = (LAST, BEST) if is_best else (LAST,)
        self.recorder.commit(trainer.global_step, checkpoint=path, aliases=aliases, keep=keep, may_wait=True)
        self._latest = time.monotonic()


def _is_validated_next(trainer: pl.Trainer, batch_idx: int) -> bool:
    return trainer.enable_validation and (batch_idx + 1) % (trainer.val_check_batch or math.inf) == 0


def _at_last_step(trainer: pl.Trainer) -> bool:
    return trainer.global_step == trainer.max_steps
