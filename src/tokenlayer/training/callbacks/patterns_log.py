"""The seed's patterns_log: every pattern decoded, with its gradient, matches and embedding."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from tokenlayer.layer.layer import TokenizationLayer
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.training.callbacks.base import (
    CallbackConfig,
    RunCallback,
    RunContext,
    as_module,
    current_step,
    visible,
)
from tokenlayer.training.module import TokenizationModule, TrainingStep


@dataclass(frozen=True)
class PatternRows:
    """All N patterns of a step before its update."""

    pattern: list[str]
    """Decoded, `█` for a blank."""
    gradient: np.ndarray
    """(N,) the seed's summary: population std + |mean| of the pattern's gradient after σ; NaN where there is none."""
    matches: np.ndarray
    """(N,) occurrences in the batch."""
    embedding: np.ndarray
    """(N, D)"""


def pattern_rows(step: TrainingStep, module: TokenizationModule, alphabet: Alphabet) -> PatternRows:
    """Read the patterns of the step in progress, between its backward pass and its update."""
    tokens = step.intermediates.tokens
    layer = module.model.tokenization
    grad = layer.patterns.grad if isinstance(layer, TokenizationLayer) else None
    return PatternRows(
        pattern=tokens.vocabulary.decode(alphabet),
        gradient=gradient_summary(grad, layer.vocab_size).cpu().numpy(),
        matches=tokens.matches.counts().cpu().numpy(),
        embedding=module.model.embedding.weight.detach().cpu().numpy().copy(),
    )


def gradient_summary(grad: Tensor | None, vocab_size: int) -> Tensor:
    """(N,) of the patterns' gradient (C, K, N): population std + |mean| over C and K."""
    if grad is None:
        return torch.full((vocab_size,), torch.nan)
    mean = grad.mean((0, 1))
    std: Tensor = torch.linalg.vector_norm(grad - mean, dim=(0, 1)) / math.sqrt(grad.shape[0] * grad.shape[1])
    return std + mean.abs()


class PatternsLog(RunCallback):
    """Table `logs/patterns_log` every few batches, before the update; `patterns/step_<n>.json` for the UI."""

    def __init__(self, run: RunContext, every: int) -> None:
        super().__init__(run)
        self.every = every
        self._latest: tuple[int, PatternRows] | None = None
        self._table_of: int | None = None

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        step = current_step(pl_module)
        if step.batch % self.every:
            return
        rows = pattern_rows(step, as_module(pl_module), self.run.dataset.alphabet)
        self._latest = (step.step, rows)
        self.recorder.append("logs/patterns_log", step.place | _columns(rows))

    def write_table(self) -> None:
        """The latest patterns as a table that opens in MLflow's UI; called before each commit."""
        if self._latest is None or self._table_of == self._latest[0]:
            return
        step, rows = self._latest
        vectors = [" ".join(f"{x:.6g}" for x in vector) for vector in rows.embedding]
        columns = _columns(rows) | {"pattern": visible(rows.pattern), "embedding": vectors}
        # Without gradients of the characters, the length of a token's vector says best how much it counts.
        known = np.isfinite(rows.gradient).any()
        order = np.argsort(-(rows.gradient if known else np.linalg.norm(rows.embedding, axis=1)), kind="stable")
        frame = pd.DataFrame(columns).iloc[order]
        self.recorder.table(f"patterns/step_{step}.json", frame)
        self._table_of = step


def _columns(rows: PatternRows) -> dict[str, object]:
    return {
        "neuron": list(range(len(rows.pattern))),
        "pattern": rows.pattern,
        "gradient": rows.gradient,
        "matches": rows.matches,
        "embedding": rows.embedding,
    }


@dataclass
class PatternsLogConfig(CallbackConfig):
    """The patterns, decoded."""

    every: int = 10
    """Batches of an epoch between two records; the first of each epoch is one."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.every < 1:
            yield "every", "must be at least 1"

    def build(self, run: RunContext) -> PatternsLog:
        return PatternsLog(run, self.every)
