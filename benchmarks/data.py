"""Times how long texts take to become codes, and codes initial patterns."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.child import Result
from benchmarks.setup import configuration
from tokenlayer.data.prepare import prepare
from tokenlayer.original.initializer import OriginalInitializerConfig
from tokenlayer.training.build import checked_matcher, initializer_context


def prepare_texts(overrides: Sequence[str]) -> Result:
    """Seconds to clean and encode all texts, or to load them from the cache."""
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
    assert isinstance(config.initializer, OriginalInitializerConfig)
    begin = time.perf_counter()
    context = initializer_context(config, dataset, checked_matcher(config, dataset.alphabet))
    patterns = config.initializer.patterns(context)
    return {"seconds": time.perf_counter() - begin, "shape": list(patterns.shape)}
