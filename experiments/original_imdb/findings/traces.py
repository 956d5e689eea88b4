"""Trainings for findings 3 to 5, made here or read from a recorded run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from experiments.original_imdb.findings.common import Experiment
from torch import Tensor

from tokenlayer.data.module import DataModule
from tokenlayer.errors import InputError
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.models.output import ModelOutput
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.max_cover import Padding
from tokenlayer.tracking.reading import download_artifact, load_patterns, load_resolved_config
from tokenlayer.training.build import build_model
from tokenlayer.training.config import TrainConfig

RECORDS = 100
"""Number of steps, evenly spread, whose patterns are kept."""

AGES = 60
"""Number of steps after a weight has left (0, 1) for which its movement is kept."""


@dataclass(frozen=True)
class Moment:
    """A step of a training between its backward pass and its update."""

    step: int
    model: TokenizationClassifier
    output: ModelOutput

    @property
    def layer(self) -> TokenizationLayer:
        """The original's layer."""
        assert isinstance(self.model.tokenization, TokenizationLayer)
        return self.model.tokenization


class Watch:
    """What can be known only from every step of a training."""

    def __init__(self, patterns: Tensor, embedding: Tensor) -> None:
        self._before = patterns.detach().clone()
        self._born_outside = outside(self._before)
        self._left_at = torch.full_like(self._before, -1, dtype=torch.int32)
        self._first_embedding = embedding.detach().clone()
        self._ever_matched = torch.zeros(len(embedding), dtype=torch.bool)
        self.largest_gradient_outside = 0.0
        self.returns = 0
        self.largest_move_born_outside = 0.0
        self.moves = np.zeros(AGES)
        """Summed distances that weights moved, by steps since they left (0, 1)."""
        self.movers = np.zeros(AGES, dtype=np.int64)

    def look(self, moment: Moment) -> None:
        """Take in a step. Call it at every step."""
        patterns = moment.layer.patterns
        now, gradient = patterns.detach(), patterns.grad
        assert gradient is not None
        was_outside, is_outside = outside(self._before), outside(now)
        self.largest_gradient_outside = max(self.largest_gradient_outside, _largest(gradient[is_outside]))
        self.returns += int((was_outside & ~is_outside).sum())
        moved = (now - self._before).abs()
        self.largest_move_born_outside = max(self.largest_move_born_outside, _largest(moved[self._born_outside]))
        age = moment.step - 1 - self._left_at[self._left_at >= 0].numpy()
        young = age < AGES
        self.moves += np.bincount(age[young], moved[self._left_at >= 0].numpy()[young], minlength=AGES)
        self.movers += np.bincount(age[young], minlength=AGES)
        self._left_at[is_outside & ~was_outside] = moment.step
        self._before.copy_(now)
        self._ever_matched |= moment.output.tokens.matches.counts() > 0
        self._embedding = moment.model.embedding.weight.detach()

    @property
    def left(self) -> int:
        """Number of weights that have left (0, 1)."""
        return int((self._left_at >= 0).sum())

    @property
    def never_matched(self) -> int:
        """Number of patterns without a match in any step."""
        return int((~self._ever_matched).sum())

    @property
    def largest_embedding_change_of_never_matched(self) -> float:
        """The largest change of an embedding of these patterns."""
        return _largest((self._embedding - self._first_embedding)[~self._ever_matched].abs())


@dataclass(frozen=True)
class Trace:
    """The patterns of a training."""

    padding: Padding
    patterns: pd.DataFrame
    """Columns of the table patterns_log: `step`, `neuron`, `pattern`, `gradient`, `matches`; up to `RECORDS` steps."""
    weights: dict[int, Tensor]
    """Number of updates → patterns (C, K, N)."""
    watch: Watch | None
    """None for a recorded run, because not every step is known."""

    def table(self, column: str) -> pd.DataFrame:
        """A column of `patterns`, with a row for each step and a column for each pattern."""
        return self.patterns.pivot_table(index="step", columns="neuron", values=column, aggfunc="first")


def outside(patterns: Tensor) -> Tensor:
    """True where σ is zero."""
    return (patterns <= 0) | (patterns >= 1)


def training(experiment: Experiment, config: TrainConfig, steps: int) -> Iterator[Moment]:
    """Train as `tokenlayer train` does, without recording; yield each step before its update."""
    torch.manual_seed(config.seed)
    model = build_model(config, experiment.dataset)
    optimizer = config.optimizer(model.parameters())
    data = DataModule(experiment.dataset, config.dataset.batch_size, config.seed, reshuffle=config.dataset.reshuffle)
    loader = data.train_dataloader()
    assert loader.sampler is not None
    for step in range(steps):
        epoch, batch_of_epoch = divmod(step, len(loader))
        if batch_of_epoch == 0:
            loader.sampler.set_epoch(epoch)
            batches = iter(loader)
        batch = next(batches)
        output: ModelOutput = model(batch.codes)
        loss = model.loss(output, batch.labels)
        optimizer.zero_grad()
        loss.backward()
        yield Moment(step, model, output)
        optimizer.step()


def train_trace(experiment: Experiment, padding: Padding, steps: int) -> Trace:
    """Train from patterns with this padding, and keep what the findings need."""
    stride = max(1, (steps - 1) // RECORDS)
    rows: list[pd.DataFrame] = []
    weights: dict[int, Tensor] = {}
    watch = None
    for moment in training(experiment, experiment.with_padding(padding), steps):
        patterns = moment.layer.patterns
        watch = watch or Watch(patterns, moment.model.embedding.weight)
        watch.look(moment)
        if moment.step % stride == 0:
            rows.append(_rows(moment, experiment))
            weights[moment.step] = patterns.detach().clone()
    return Trace(padding, pd.concat(rows), weights, watch)


def read_trace(experiment: Experiment, run_id: str, uri: str | None) -> Trace:
    """The trace of a run of `tokenlayer train`: its patterns_log, and the checkpoints that it kept.

    Raises:
        InputError: no such run, it was trained on other data, or it did not start from the original's n-grams.

    """
    padding = load_resolved_config(run_id, uri=uri)["initializer"].get("padding")
    if padding is None:
        raise InputError(
            f"run {run_id} did not start from the original's n-grams: take a run with initializer=original"
        )
    weights = {}
    for path in sorted(download_artifact(run_id, "checkpoints", uri=uri).glob("*.ckpt")):
        step, patterns = _checkpoint(path, run_id, experiment)
        weights[step] = patterns
    log = load_patterns(run_id, uri=uri)
    steps = log["step"].unique()
    kept = steps[:: max(1, (len(steps) - 1) // RECORDS)]
    return Trace(padding, log[log["step"].isin(kept)], dict(sorted(weights.items())), None)


def _checkpoint(path: Path, run_id: str, experiment: Experiment) -> tuple[int, Tensor]:
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if saved["tokenlayer"]["fingerprint"] != experiment.dataset.fingerprint:
        raise InputError(f"run {run_id} was trained on other data than --source: give those it was trained on")
    return int(saved["global_step"]), saved["state_dict"]["model.tokenization.patterns"]


def _rows(moment: Moment, experiment: Experiment) -> pd.DataFrame:
    tokens, gradient = moment.output.tokens, moment.layer.character_gradient()
    assert gradient is not None
    return pd.DataFrame(
        {
            "step": moment.step,
            "neuron": range(moment.layer.vocab_size),
            "pattern": tokens.vocabulary.decode(experiment.dataset.alphabet),
            "gradient": gradient.numpy(),
            "matches": tokens.matches.counts().numpy(),
        }
    )


def _largest(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0
