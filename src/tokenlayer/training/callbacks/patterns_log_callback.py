"""`patterns_log`: every token decoded, with its gradient, matches and vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module, current_step, is_blank, visible
from tokenlayer.training.module import TokenizationModule, TrainingStep


@dataclass(frozen=True)
class PatternRows:
    """All N tokens of a step before its update."""

    pattern: list[str]
    """Decoded, `█` for a blank."""
    gradient: np.ndarray
    """(N,) how strongly the loss pulls at the token; NaN where it has no gradient. Where a gradient moves the
    characters, it is the original's summary of that (`TokenLayer.character_gradient`); else the length of the gradient
    of the token's vector."""
    matches: np.ndarray
    """(N,) occurrences in the batch."""
    embedding: np.ndarray
    """(N, D)"""
    prominence: np.ndarray
    """(N,) what tables are ordered by: the gradient where characters move, else the length of the token's vector."""


def pattern_rows(step: TrainingStep, module: TokenizationModule, patterns: list[str]) -> PatternRows:
    """Read the tokens of the step in progress, which are decoded as `patterns`, between backward pass and update."""
    tokens, weight = step.output.tokens, module.model.embedding.weight
    embedding = weight.detach().cpu().numpy().copy()
    moved = module.model.tokenization.character_gradient()
    gradient = (vector_gradient(weight) if moved is None else moved).cpu().numpy()
    return PatternRows(
        pattern=patterns,
        gradient=gradient,
        matches=tokens.matches.counts().cpu().numpy(),
        embedding=embedding,
        prominence=np.linalg.norm(embedding, axis=1) if moved is None else gradient,
    )


def vector_gradient(weight: Tensor) -> Tensor:
    """(N,) length of the gradient of each vector of `weight` (N, D); NaN before the first backward pass."""
    if weight.grad is None:
        return torch.full((len(weight),), torch.nan)
    lengths: Tensor = weight.grad.norm(dim=1)
    return lengths


class PatternsLog(RunCallback):
    """Table `logs/patterns_log` every few batches, before the update; `patterns/step_<n>.json` for the UI.

    The last of the latter, of the number of steps done, holds the tokens that the training ended with, whichever
    weights are tested. Tokens of blanks alone, which hold the places of none, are in the log and not in the tables.
    """

    def __init__(self, run: RunContext, every: int) -> None:
        super().__init__(run)
        self.every = every
        self._decoded: tuple[Vocabulary, list[str]] | None = None
        self._latest: tuple[int, PatternRows] | None = None
        self._table_of: int | None = None

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        step = current_step(pl_module)
        if step.batch % self.every:
            return
        rows = pattern_rows(step, as_module(pl_module), self._patterns(step.output.tokens.vocabulary))
        self._latest = (step.step, rows)
        self.recorder.append("logs/patterns_log", step.place | _columns(rows))

    def _patterns(self, vocabulary: Vocabulary) -> list[str]:
        """Decoded, once as long as the vocabulary is the same."""
        if self._decoded is None or self._decoded[0] is not vocabulary:
            self._decoded = vocabulary, vocabulary.decode(self.run.dataset.alphabet)
        return self._decoded[1]

    def before_commit(self) -> None:
        """Write the latest patterns as a table that opens in MLflow's UI."""
        if self._latest is None or self._table_of == self._latest[0]:
            return
        self._write(*self._latest)
        self._table_of = self._latest[0]

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        model = as_module(pl_module).model
        embedding = model.embedding.weight.detach().cpu().numpy()
        patterns = model.tokenization.vocabulary().decode(self.run.dataset.alphabet)
        unknown = np.full(len(patterns), np.nan)  # there is no batch in which they could be seen
        rows = PatternRows(patterns, unknown, unknown, embedding, np.linalg.norm(embedding, axis=1))
        self._write(trainer.global_step, rows)

    def _write(self, step: int, rows: PatternRows) -> None:
        vectors = [" ".join(f"{x:.6g}" for x in vector) for vector in rows.embedding]
        columns = _columns(rows) | {"pattern": visible(rows.pattern), "embedding": vectors}
        frame = pd.DataFrame(columns).iloc[np.argsort(-rows.prominence, kind="stable")]
        frame = frame[[not is_blank(pattern) for pattern in frame["pattern"]]]
        self.recorder.table(f"patterns/step_{step:06d}.json", frame)


def _columns(rows: PatternRows) -> dict[str, object]:
    return {
        "neuron": np.arange(len(rows.pattern)),
        "pattern": rows.pattern,
        "gradient": rows.gradient,
        "matches": rows.matches,
        "embedding": rows.embedding,
    }
