"""Laps of wall time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median


class Stopwatch:
    """Times the parts of something that is repeated."""

    def __init__(self) -> None:
        self._laps: dict[str, list[float]] = defaultdict(list)
        self._last = time.perf_counter()

    def start(self) -> None:
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a part named `name`, which began at the last call."""
        now = time.perf_counter()
        self._laps[name].append(now - self._last)
        self._last = time.perf_counter()

    def medians_ms(self) -> dict[str, float]:
        """Part → median of its laps, in the order of the first laps."""
        return {name: 1000 * median(laps) for name, laps in self._laps.items()}


def median_ms(action: Callable[[], object], repeats: int) -> float:
    """Median over `repeats` calls, after one to warm up."""
    watch = Stopwatch()
    action()
    for _ in range(repeats):
        watch.start()
        action()
        watch.lap("")
    return watch.medians_ms()[""]
