"""Work that is shared out among threads, as many as torch may use: all, or what OMP_NUM_THREADS or the caller says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def in_threads(function: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """What the function returns for each part, in their order.

    Threads help where the function releases Python's lock, as compiled code (`nogil`), NumPy and SciPy do.
    """
    n_threads = min(torch.get_num_threads(), len(parts))
    if n_threads <= 1:
        return [function(part) for part in parts]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, parts))
