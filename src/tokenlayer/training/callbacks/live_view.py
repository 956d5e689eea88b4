"""The live view of the seed's training loop: progress, loss, accuracy, patterns with most and least gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from torch.optim import Optimizer

from tokenlayer.training.callbacks.base import (
    CallbackConfig,
    RunCallback,
    RunContext,
    as_module,
    current_step,
    printable,
)
from tokenlayer.training.callbacks.patterns_log import PatternRows, pattern_rows


class LiveView(RunCallback):
    """Redraws in place where the output is a terminal; elsewhere one line an epoch.

    The gradient summary is shown × 100, as in the seed ("Making the Training Loop").
    """

    def __init__(self, run: RunContext, every: int, top: int) -> None:
        super().__init__(run)
        self.every = every
        self.top = top
        self._live: Live | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.run.console.is_terminal:
            self._live = Live(console=self.run.console, auto_refresh=False)
            self._live.start()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        step = current_step(pl_module)
        if self._live is None or step.batch % self.every:
            return
        module = as_module(pl_module)
        accuracy = module.phase_metrics("train").accuracy()
        rows = pattern_rows(step, module, self.run.dataset.alphabet)
        n_batches = int(trainer.num_training_batches)
        progress = Table.grid(padding=(0, 1))
        progress.add_row(
            f"Epoch {step.epoch + 1}/{trainer.max_epochs}",
            ProgressBar(n_batches, step.batch + 1, width=30),
            f"{step.batch + 1}/{n_batches}",
            f"loss {step.loss.item():.4f}",
            f"accuracy {accuracy:.4f}",
        )
        self._live.update(Group(progress, Text(), patterns_table(rows, self.top)), refresh=True)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking:
            return
        metrics = trainer.callback_metrics
        # After training, Lightning has counted the epoch that max_steps cut short.
        epoch = trainer.current_epoch + (trainer.state.fn == TrainerFn.FITTING)
        self.run.console.print(
            f"epoch {epoch}  step {trainer.global_step}"
            f"  validation loss {float(metrics['validation/loss']):.4f}"
            f"  accuracy {float(metrics['validation/accuracy']):.4f}",
            highlight=False,
        )

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def patterns_table(rows: PatternRows, top: int) -> Table:
    """The `top` patterns with the largest gradient summary, and those with the smallest, side by side."""
    table = Table(box=None, padding=(0, 1), title_justify="left")
    for heading in ("largest gradient", "× 100", "matches", "", "smallest gradient", "× 100", "matches"):
        table.add_column(heading, justify="right" if heading in ("× 100", "matches") else "left", no_wrap=True)
    order = np.argsort(rows.gradient, kind="stable")
    for high, low in zip(order[::-1][:top], order[:top], strict=True):
        table.add_row(*_cells(rows, int(high)), "  ", *_cells(rows, int(low)))
    return table


def _cells(rows: PatternRows, neuron: int) -> tuple[Text, str, str]:
    return (
        Text(f'"{printable(rows.pattern[neuron])}"'),  # Text, not str: a pattern may hold brackets, which are markup
        f"{rows.gradient[neuron] * 100:.5f}",
        str(rows.matches[neuron]),
    )


@dataclass
class LiveViewConfig(CallbackConfig):
    """The view in the terminal."""

    every: int = 10
    """Batches between two refreshes."""
    top: int = 15
    """Patterns shown with the largest and with the smallest gradient."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        for field in ("every", "top"):
            if getattr(self, field) < 1:
                yield field, "must be at least 1"

    def build(self, run: RunContext) -> LiveView:
        return LiveView(run, self.every, self.top)
