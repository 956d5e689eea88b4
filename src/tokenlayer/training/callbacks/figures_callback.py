"""The run in pictures: loss and accuracy, gradients and values over time, turnover of the patterns."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytorch_lightning as pl

from tokenlayer.training import plots
from tokenlayer.training.callbacks.run_callback import RunCallback
from tokenlayer.training.drawing import save_figure


class Figures(RunCallback):
    """`figures/*.png`, drawn from the run's own logs when it has been tested."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        metrics = self.recorder.load_metrics()
        self._draw("loss_accuracy", partial(plots.loss_accuracy, metrics=metrics), "train_log")
        self._draw("grads_log", partial(plots.moments, title="Gradients"), "grads_log")
        self._draw("vals_log", partial(plots.moments, title="Values"), "vals_log")
        self._draw("pattern_turnover", plots.turnover, "patterns_log")

    def _draw(self, name: str, plot: plots.Plot, table: str) -> None:
        log: pd.DataFrame = self.recorder.load_log(f"logs/{table}")
        if log.empty:  # the callback that writes it is switched off
            return
        save_figure(partial(plot, log), self.recorder.artifact(f"figures/{name}.png"), dpi=120)
