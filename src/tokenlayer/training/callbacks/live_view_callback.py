"""The live view of the original's training loop: progress, loss, accuracy, and the patterns that stand out."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from torch.optim import Optimizer

from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.pattern_tables import pattern_sides, side_by_side
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module, current_step


class LiveView(RunCallback):
    """Redraws in place where the output is a terminal; elsewhere one line an epoch.

    Below the progress stand the patterns with most and least gradient where a gradient moves their characters, as in
    the original (seed document, "Making the Training Loop"); else the tokens with most weight.
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
        dataset = self.run.dataset
        sides = pattern_sides(step, module, dataset.alphabet, dataset.class_names, self.top)
        n_batches = int(trainer.num_training_batches)
        progress = Table.grid(padding=(0, 1))
        progress.add_row(
            f"Epoch {step.epoch + 1}/{trainer.max_epochs}",
            ProgressBar(n_batches, step.batch + 1, width=30),
            f"{step.batch + 1}/{n_batches}",
            f"loss {step.loss.item():.4f}",
            f"accuracy {accuracy:.4f}",
        )
        self._live.update(Group(progress, Text(), side_by_side(*sides)), refresh=True)

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
