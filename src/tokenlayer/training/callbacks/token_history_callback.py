"""The lives of all tokens of a run, drawn up when it has been tested: as a table, and in pictures."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytorch_lightning as pl
import torch
from torch import Tensor

from tokenlayer.atomic import replacing
from tokenlayer.models.logit_gradients import class_weights, logit_gradients, top_class
from tokenlayer.training import token_history
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module
from tokenlayer.training.drawing import save_figure
from tokenlayer.training.module import TokenizationModule
from tokenlayer.training.token_history import Record
from tokenlayer.training.token_history_plots import timeline, token_name
from tokenlayer.training.token_plots import final_tokens

_TEXTS = 256  # training texts on which the directions of the classes are measured


_RECORDS = 200  # states of the vocabulary that the lives are drawn from


_ROWS = 2000  # that MLflow's UI is given


_DPI = 150


class TokenHistory(RunCallback):
    """`tokens/biography.parquet`: every life (see `training.token_history`); `tokens/biography.json` for MLflow's UI.

    `figures/biography.png`: the lives on a timeline; `figures/final_tokens.png`: the tested model's tokens. The lives
    are those of the logged edits; without such, those that `logs/patterns_log` shows: of a vocabulary that nothing
    edits all tokens live from the first step to the last, and patterns whose characters a gradient moves change from
    record to record. Without either log only the second picture is drawn.
    """

    def __init__(self, run: RunContext) -> None:
        super().__init__(run)
        self._last: Record | None = None
        self._texts: Tensor | None = None

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = as_module(pl_module)
        vectors = module.model.embedding.weight.detach().cpu().numpy().astype(np.float32)
        self._last = Record(trainer.global_step, self._patterns(module), vectors)

    def on_test_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        N = as_module(pl_module).model.tokenization.vocab_size
        self._texts = torch.zeros(N, len(self.run.dataset.class_names), dtype=torch.int64)

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert self._texts is not None
        matches = as_module(pl_module).model.tokenization(batch.codes).matches.distinct()
        N, n_classes = self._texts.shape
        cell = matches.token_id * n_classes + batch.labels[matches.text]
        self._texts += torch.bincount(cell, minlength=N * n_classes).view(N, n_classes).cpu()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = as_module(pl_module)
        texts = torch.from_numpy(self.run.dataset.splits["train"].codes[:_TEXTS].astype("int64"))
        directions = logit_gradients(module.model, texts.to(module.device)).cpu()
        tokens = self._tokens(module, directions)
        classes = self.run.dataset.class_names
        save_figure(partial(final_tokens, tokens, classes), self.recorder.artifact("figures/final_tokens.png"), _DPI)
        lives = self._lives(directions.numpy())
        if lives is None:
            return
        assert self._last is not None
        self._write(lives, tokens)
        drawn = partial(timeline, lives, classes, self._last.step)
        save_figure(drawn, self.recorder.artifact("figures/biography.png"), _DPI)

    def _tokens(self, module: TokenizationModule, directions: Tensor) -> pd.DataFrame:
        """The tested model's tokens, one row each, by place."""
        assert self._texts is not None
        classes = self.run.dataset.class_names
        vectors = module.model.embedding.weight.detach().cpu()
        weight, towards = top_class(class_weights(vectors, directions))
        columns: dict[str, Any] = {
            "pattern": self._patterns(module),
            "weight": weight.numpy(),
            "towards": np.where(weight.numpy() == 0, "", np.array(classes)[towards.numpy()]),
        }
        columns |= {f"texts of {name}": self._texts[:, c].numpy() for c, name in enumerate(classes)}
        return pd.DataFrame(columns)

    def _lives(self, directions: npt.NDArray[np.float32]) -> pd.DataFrame | None:
        """None where no log records them."""
        assert self._last is not None
        edits = self.recorder.load_log("logs/edits")
        log = self.recorder.load_log("logs/patterns_log")
        if edits.empty and log.empty:
            return None
        sampled = [self._last] if log.empty else token_history.records(log, self._last, _RECORDS)
        lives = token_history.sampled_lives(sampled) if edits.empty else token_history.edited_lives(edits, self._last)
        return token_history.weighed(lives, sampled, directions, self.run.dataset.class_names)

    def _write(self, lives: pd.DataFrame, tokens: pd.DataFrame) -> None:
        """The whole for programs, the top rows for MLflow's UI."""
        lives = lives.assign(tested=token_history.tested(lives, tokens["pattern"].tolist()))
        with replacing(self.recorder.artifact("tokens/biography.parquet")) as unfinished:
            lives.to_parquet(unfinished, index=False)
        shown = token_history.top_first(lives).head(_ROWS).drop(columns=["steps", "weights"])
        counts = tokens.drop(columns=["pattern", "weight", "towards"]).iloc[shown["neuron"]].reset_index(drop=True)
        shown = shown.assign(pattern=shown["pattern"].map(token_name)).reset_index(drop=True)
        # What a token that is not in the tested model occurs in is not counted.
        self.recorder.table("tokens/biography.json", shown.join(counts.where(shown["tested"])))

    def _patterns(self, module: TokenizationModule) -> list[str]:
        with torch.no_grad():
            return module.model.tokenization.vocabulary().decode(self.run.dataset.alphabet)
