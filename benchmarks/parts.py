"""Times the parts of a training step, taken apart by hand."""

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
from tokenlayer.layer.matching import PatternIndex, match
from tokenlayer.models.layer_statistics import ModelStatistics
from tokenlayer.models.output import ModelOutput
from tokenlayer.original.flatten_head import FlattenHead
from tokenlayer.original.gradients import character_histogram, sigma
from tokenlayer.original.layer import PatternMatches, TokenizationLayer
from tokenlayer.training.callbacks.pattern_tables import pattern_sides, side_by_side
from tokenlayer.training.callbacks.patterns_log_callback import pattern_rows
from tokenlayer.training.module import TrainingStep

LOOP = ("batch", "discretise", "match", "embed", "head, loss", "running metrics", "backward", "optimizer")
"""The parts of a step without any recording, Lightning aside."""
RECORDED = ("gradient row", "value row", "pattern rows")
"""The parts that compute what is recorded; the last of them every tenth step."""


def measure(overrides: Sequence[str], n_steps: int) -> Result:
    """Medians of all parts, in ms.

    Returns:
        `parts_ms`: of a step, `inside_ms`: of parts of these, `matches`: mean number in a batch, `threads`.

    """
    bench = Bench(overrides)
    batches = bench.batches()
    statistics = bench.model.statistics()
    warm = Stopwatch()
    for _ in range(5):
        _step(bench, statistics, batches, 1, warm)
    watch = Stopwatch()
    done = [_step(bench, statistics, batches, step, watch) for step in range(n_steps)]
    last, g = done[-1]
    return {
        "parts_ms": watch.medians_ms(),
        "inside_ms": _inside(bench, last, g, n_steps),
        "matches": fmean(len(step.output.tokens.matches) for step, _ in done),
        "threads": torch.get_num_threads(),
    }


def _step(
    bench: Bench, statistics: ModelStatistics, batches: Iterator[Batch], index: int, watch: Stopwatch
) -> tuple[TrainingStep, Tensor]:
    """One training step with all rows that the callbacks compute; the step, and ∂loss/∂embedded."""
    model = bench.model
    layer, head = model.tokenization, model.head
    assert isinstance(layer, TokenizationLayer)
    assert isinstance(head, FlattenHead)
    gradient: list[Tensor] = []
    watch.start()
    batch = next(batches)
    watch.lap("batch")
    codes = batch.codes.long()
    vocabulary = layer.vocabulary()
    watch.lap("discretise")
    matches = match(codes, vocabulary, bench.dataset.alphabet.size)
    tokens = PatternMatches(codes, vocabulary, matches, layer.patterns)
    watch.lap("match")
    embedded = model.embedding(tokens)
    watch.lap("embed")
    read = head.read(embedded)
    output = ModelOutput(read.logits, embedded, read.hidden, tokens)
    loss = model.loss(output, batch.labels)
    watch.lap("head, loss")
    bench.module.phase_metrics("train").update(output.probabilities, batch.labels, loss)
    watch.lap("running metrics")
    statistics.watch(output)
    embedded.register_hook(gradient.append)
    bench.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    watch.lap("backward")
    statistics.gradient_columns([statistics.gradients()])
    watch.lap("gradient row")
    rate = bench.optimizer.param_groups[0]["lr"]
    step = TrainingStep(index, 0, index, output, loss.detach(), batch.labels, batch.rows, rate)
    if index % 10 == 0:
        pattern_rows(step, bench.module, vocabulary.decode(bench.dataset.alphabet))
        watch.lap("pattern rows")
    bench.optimizer.step()
    watch.lap("optimizer")
    statistics.value_columns([statistics.values(output)])
    watch.lap("value row")
    return step, gradient[0]


def _inside(bench: Bench, step: TrainingStep, g: Tensor, repeats: int) -> dict[str, float]:
    """Times of parts of parts, each repeated on one batch, so that the caches are warmer than in a step."""
    tokens = step.output.tokens
    assert isinstance(tokens, PatternMatches)
    codes, vocabulary = tokens.codes, tokens.vocabulary
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
    """Time of one refresh. Runs without a terminal, such as those measured here, have no live view."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)

    def refresh() -> None:
        sides = pattern_sides(step, bench.module, bench.dataset.alphabet, bench.dataset.class_names, 15)
        terminal.print(side_by_side(*sides))

    return median_ms(refresh, max(repeats // 10, 1))
