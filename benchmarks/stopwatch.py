"""Laps of wall time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median


class Stopwatch:
    """Times the parts of something that is done again and again."""

    def __init__(self) -> None:
        self._laps: dict[str, list[float]] = defaultdict(list)
        self._last = time.perf_counter()

    def start(self) -> None:
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """What was done since the last call is a `name`."""
        now = time.perf_counter()
        self._laps[name].append(now - self._last)
        self._last = time.perf_counter()

    def medians_ms(self) -> dict[str, float]:
        """Of each part, in the order in which they were first met."""
        return {name: 1000 * median(laps) for name, laps in self._laps.items()}


def median_ms(action: Callable[[], object], repeats: int) -> float:
    """Median over `repeats`, after one for warming up."""
    watch = Stopwatch()
    action()
    for _ in range(repeats):
        watch.start()
        action()
        watch.lap("")
    return watch.medians_ms()[""]
