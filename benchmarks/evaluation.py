"""Texts per second of an evaluation."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pytorch_lightning.loggers.logger import DummyLogger

from benchmarks.child import Result
from benchmarks.setup import Bench
from tokenlayer.data.loader import BatchLoader


def measure(overrides: Sequence[str]) -> Result:
    """Time a whole validation by the trainer, its metrics included."""
    bench = Bench(overrides)
    split = bench.dataset.splits["validation"]
    loader = BatchLoader(split, bench.config.dataset.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        trainer = bench.config.trainer.build([], DummyLogger(), Path(folder))
        begin = time.perf_counter()
        trainer.validate(bench.module, dataloaders=loader, verbose=False)
        seconds = time.perf_counter() - begin
    return {"seconds": seconds, "texts": len(split), "texts_per_second": len(split) / seconds}
