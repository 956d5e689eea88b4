"""The quality of the tokens at each validation: dead, always on, coverage, redundancy, efficiency, turnover."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tokenlayer.layer.matching import Matches
from tokenlayer.layer.quality import QualityMeter, turnover
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module


class TokenQuality(RunCallback):
    """Metrics `tokens/<name>` on the first validation texts (see `layer.quality`).

    `tokens/turnover` is the share of patterns that are others than at the validation before; at the first one, than
    before training.
    """

    def __init__(self, run: RunContext, texts: int) -> None:
        super().__init__(run)
        self.texts = texts
        self._meter: QualityMeter | None = None
        self._hook: RemovableHandle | None = None
        self._left = 0
        self._codes: Tensor | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._codes is None:
            self._codes = _codes(pl_module)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        layer = as_module(pl_module).model.tokenization
        self._meter = QualityMeter(layer.vocab_size, self.run.dataset.alphabet.size)
        self._left = self.texts
        # The matches are those of the validation itself: to find them again would double its cost.
        self._hook = layer.register_forward_hook(self._add)

    def _add(self, layer: nn.Module, inputs: tuple[Tensor], tokens: Tokenized) -> None:
        if self._left and self._meter is not None:
            texts = min(self._left, len(tokens.codes))
            self._left -= texts
            self._meter.update(first(tokens, texts))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert self._meter is not None
        assert self._hook is not None
        self._hook.remove()
        figures = self._meter.compute()
        self._meter = None
        codes = _codes(pl_module)
        if self._codes is not None:
            figures["turnover"] = turnover(self._codes, codes)
        self._codes = codes
        values = {f"tokens/{name}": value for name, value in figures.items()}
        self.recorder.log_metrics(values, max(trainer.global_step - 1, 0))

    def state_dict(self) -> dict[str, Any]:
        return {"codes": self._codes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._codes = state_dict["codes"]


def first(tokens: Tokenized, texts: int) -> Tokenized:
    """The first texts of a batch alone."""
    found = tokens.matches
    end = int((found.text < texts).sum())  # they are ordered by text
    _, N, L = found.shape
    matches = Matches(found.text[:end], found.position[:end], found.token_id[:end], (texts, N, L))
    return replace(tokens, codes=tokens.codes[:texts], matches=matches)


def _codes(module: pl.LightningModule) -> Tensor:
    """(N, K) of the present vocabulary, a copy."""
    with torch.no_grad():
        return as_module(module).model.tokenization.vocabulary().codes.clone().cpu()
