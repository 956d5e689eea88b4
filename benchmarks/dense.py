"""Times the dense route in PyTorch: the same step by convolution, with one-hot texts and a (B, N, L) tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.child import Result
from benchmarks.setup import Bench
from benchmarks.stopwatch import Stopwatch
from tokenlayer.data.types import Batch
from tokenlayer.original.flatten_head import FlattenHead
from tokenlayer.original.keras import binary_crossentropy
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.patterns import one_hot


def measure(overrides: Sequence[str], n_steps: int) -> Result:
    """ms of a step on the dense route, data and optimizer included, nothing recorded.

    Returns:
        `median_ms`, and the `loss` of the first step on either route, to check that both do the same.

    """
    bench = Bench(overrides)
    batches = bench.batches()
    watch = Stopwatch()
    first = next(batches)
    with torch.no_grad():
        sparse = _loss(bench, first, bench.model.embedding(bench.model.tokenization(first.codes)))
        dense = _loss(bench, first, _embedded(bench, first.codes))
    for step in range(n_steps + 1):
        watch.start()
        batch = next(batches)
        loss = _loss(bench, batch, _embedded(bench, batch.codes))
        bench.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        bench.optimizer.step()
        watch.lap("warm-up" if step == 0 else "step")
    return {"median_ms": watch.medians_ms()["step"], "loss": {"matches": sparse.item(), "dense": dense.item()}}


def _embedded(bench: Bench, codes: Tensor) -> Tensor:
    text = one_hot(codes.long(), bench.dataset.alphabet.size)  # (B, C, L)
    layer = bench.model.tokenization
    assert isinstance(layer, TokenizationLayer)
    found: Tensor = layer(text)  # (B, N, L)
    return found.transpose(1, 2) @ bench.model.embedding.weight


def _loss(bench: Bench, batch: Batch, embedded: Tensor) -> Tensor:
    head = bench.model.head
    assert isinstance(head, FlattenHead)
    probabilities = head.read(embedded).logits.squeeze(1).sigmoid()
    return binary_crossentropy(probabilities, batch.labels)
