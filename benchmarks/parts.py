"""Where the time of a step goes: the same step, taken apart by hand."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from statistics import fmean

import torch
from rich.console import Console
from torch import Tensor

from benchmarks.child import Result
from benchmarks.setup import Bench
from benchmarks.stopwatch import Stopwatch, median_ms
from tokenlayer.data.types import Batch
from tokenlayer.layer.layer import TokenizationLayer, Tokenized
from tokenlayer.layer.matching import PatternIndex, match
from tokenlayer.models.classifier import Intermediates
from tokenlayer.original.flatten import FlattenHead
from tokenlayer.original.gradients import character_histogram, sigma
from tokenlayer.training.callbacks.pattern_tables import pattern_sides, side_by_side
from tokenlayer.training.callbacks.patterns_log import pattern_rows
from tokenlayer.training.layer_statistics import LayerGradients, gradient_row, value_row
from tokenlayer.training.module import TrainingStep

LOOP = ("batch", "discretise", "match", "embed", "head, loss", "running metrics", "backward", "optimizer")
"""The parts of a step that records nothing, Lightning aside."""
RECORDED = ("gradient row", "value row", "pattern rows")
"""What is computed to be recorded; the last of them every tenth step."""


def measure(overrides: Sequence[str], n_steps: int) -> Result:
    """Medians of all parts, in ms.

    Returns:
        `parts_ms`: of a step, `inside_ms`: of parts of these, `matches`: mean number in a batch, `threads`.

    """
    bench = Bench(overrides)
    batches = bench.batches()
    warm = Stopwatch()
    for _ in range(5):
        _step(bench, batches, 1, warm)
    watch = Stopwatch()
    done = [_step(bench, batches, step, watch) for step in range(n_steps)]
    last, g = done[-1]
    return {
        "parts_ms": watch.medians_ms(),
        "inside_ms": _inside(bench, last, g, n_steps),
        "matches": fmean(len(step.intermediates.tokens.matches) for step, _ in done),
        "threads": torch.get_num_threads(),
    }


def _step(bench: Bench, batches: Iterator[Batch], index: int, watch: Stopwatch) -> tuple[TrainingStep, Tensor]:
    """One training step with all rows that the callbacks compute; the step, and ∂loss/∂embedded."""
    model = bench.model
    layer, seed_head = model.tokenization, model.head
    assert isinstance(layer, TokenizationLayer)
    assert isinstance(seed_head, FlattenHead)
    watch.start()
    batch = next(batches)
    watch.lap("batch")
    codes = batch.codes.long()
    vocabulary = layer.vocabulary()
    watch.lap("discretise")
    matches = match(codes, vocabulary, bench.dataset.alphabet.size)
    tokens = Tokenized(codes, layer.patterns, vocabulary, matches)
    watch.lap("match")
    embedded = model.embedding(tokens)
    watch.lap("embed")
    head = seed_head.read(embedded)
    out = model.probabilities(head.logits)
    loss = model.loss(out, batch.labels)
    watch.lap("head, loss")
    bench.module.phase_metrics("train").update(out, batch.labels, loss)
    watch.lap("running metrics")
    intermediates = Intermediates(out, head.logits, head.dense, embedded, tokens, model.embedding)
    layers = LayerGradients(intermediates)
    bench.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    watch.lap("backward")
    gradient_row(layers, model.logged_parameters())
    watch.lap("gradient row")
    step = TrainingStep(index, 0, index, intermediates, loss.detach(), batch.labels, batch.rows)
    if index % 10 == 0:
        pattern_rows(step, bench.module, bench.dataset.alphabet)
        watch.lap("pattern rows")
    bench.optimizer.step()
    watch.lap("optimizer")
    value_row(intermediates, model.logged_parameters())
    watch.lap("value row")
    g = layers.get("embedding")
    assert g is not None
    return step, g


def _inside(bench: Bench, step: TrainingStep, g: Tensor, repeats: int) -> dict[str, float]:
    """Parts of parts, each repeated on one batch: the caches are warmer than in a step."""
    tokens = step.intermediates.tokens
    codes, vocabulary = tokens.codes, tokens.vocabulary
    assert tokens.patterns is not None
    C, K, N = tokens.patterns.shape
    E = bench.model.embedding.weight.detach()
    patterns = tokens.patterns.detach()
    index = PatternIndex(vocabulary, C)
    window, token_id = index._candidates(codes)
    G = character_histogram(codes, g, K, C)
    return {
        "match: prefix table": median_ms(lambda: PatternIndex(vocabulary, C), repeats),
        "match: candidates": median_ms(lambda: index._candidates(codes), repeats),
        "match: verification": median_ms(lambda: index._verified(codes, window, token_id), repeats),
        "backward: character_histogram": median_ms(lambda: character_histogram(codes, g, K, C), repeats),
        "backward: σ·dP": median_ms(lambda: (G.view(C * K, -1) @ E.T).view(C, K, N).mul_(sigma(patterns)), repeats),
        "live view in a terminal": _live_view_ms(bench, step, repeats) / 10,
    }


def _live_view_ms(bench: Bench, step: TrainingStep, repeats: int) -> float:
    """One refresh; runs whose output is no terminal, such as those measured here, have none."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)

    def refresh() -> None:
        sides = pattern_sides(step, bench.module, bench.dataset.alphabet, bench.dataset.class_names, 15)
        terminal.print(side_by_side(*sides))

    return median_ms(refresh, max(repeats // 10, 1))
