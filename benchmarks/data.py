"""Texts to codes, and codes to initial patterns."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.child import Result
from benchmarks.setup import configuration
from tokenlayer.data.prepare import prepare
from tokenlayer.training.train import initializer


def prepare_texts(overrides: Sequence[str]) -> Result:
    """Seconds to clean and encode all texts, or to load them where the cache has them."""
    config = configuration(overrides)
    begin = time.perf_counter()
    dataset = prepare(config.dataset)
    return {
        "seconds": time.perf_counter() - begin,
        "texts": sum(len(split) for split in dataset.splits.values()),
        "characters": len(dataset.corpus("all")),
    }


def draw_patterns(overrides: Sequence[str]) -> Result:
    """Seconds to draw N initial patterns from all texts."""
    config = configuration(overrides)
    dataset = prepare(config.dataset)
    K = config.model.max_token_length or config.initializer.default_token_length()
    begin = time.perf_counter()
    patterns = initializer(config, dataset)((dataset.alphabet.size, K, config.model.vocab_size))
    return {"seconds": time.perf_counter() - begin, "shape": list(patterns.shape)}
