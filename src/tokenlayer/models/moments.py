"""Mean and standard deviation of tensors, and of the dense tensor of matches that is never made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenlayer.layer.matching import Matches

_SMALL = 8192  # numbers of a tensor that is copied, to be measured together with others
_MIXER = 0x9E3779B97F4A7C15  # 2^64 by the golden ratio: multiples of it are spread evenly

Moments = tuple[Tensor, Tensor]
"""Mean and population standard deviation, as scalar tensors."""
Numbers = tuple[float, float]
"""The same as numbers."""


def moments(x: Tensor) -> Moments:
    """Mean and population standard deviation over all elements.

    In two passes: as exact as `torch.std_mean`, which takes six times as long on a CPU.
    """
    mean = x.mean()
    return mean, torch.linalg.vector_norm(x - mean) / math.sqrt(x.numel())


class Held(NamedTuple):
    """What named tensors hold at a moment: enough of it to measure their moments later, of many moments at once."""

    sizes: dict[str, int]
    """Numbers in each tensor."""
    copies: Tensor
    """The numbers of small tensors on a CPU, end to end."""
    others: dict[str, Moments | Matches]
    """The moments of the other tensors, which their device may still be at work on; the matches."""

    @property
    def kept(self) -> int:
        """Numbers that are kept of these."""
        return self.copies.numel() + sum(3 * len(x) for x in self.others.values() if isinstance(x, Matches))


def held(tensors: Iterable[tuple[str, Tensor]], known: Mapping[str, Moments | Matches] | None = None) -> Held:
    """What these tensors hold now, whatever becomes of them.

    Between the steps of a training the processor's caches are full of other things, and whatever is done takes several
    times as long as in a loop. To copy small tensors is the least that can be done.

    Args:
        tensors: by name.
        known: matches, and moments that are known already.

    """
    sizes, parts, others = {}, [], dict(known or {})
    for name, x in tensors:
        sizes[name] = size = x.numel()
        if 0 < size <= _SMALL and x.is_cpu:
            parts.append(x.detach().reshape(-1))
        else:
            others[name] = moments(x.detach())
    return Held(sizes, torch.cat(parts) if parts else torch.empty(0), others)


def measured(steps: Sequence[Held]) -> list[dict[str, Numbers]]:
    """Mean and population standard deviation of what was held at each step, as numbers.

    What was known stands before the tensors. On a GPU all are fetched in one transfer: each `.item()` would wait for
    the device.
    """
    if not steps:
        return []
    sizes = [size for step in steps for name, size in step.sizes.items() if name not in step.others]
    copies = np.concatenate([step.copies.double().numpy() for step in steps])
    of_copies = ((mean, std) for mean, std in _of_segments(copies, np.array(sizes, dtype=np.int64)).tolist())
    of_others = _fetched([_moments_of(x) for step in steps for x in step.others.values()])
    rows = []
    for step in steps:
        others = {name: next(of_others) for name in step.others}
        known = {name: others[name] for name in others if name not in step.sizes}
        rows.append(known | {name: others[name] if name in others else next(of_copies) for name in step.sizes})
    return rows


def _moments_of(x: Moments | Matches) -> Moments | Numbers:
    return match_moments(x) if isinstance(x, Matches) else x


def _fetched(pairs: Sequence[Moments | Numbers]) -> Iterator[Numbers]:
    elsewhere = [x for pair in pairs for x in pair if isinstance(x, Tensor) and x.device.type != "cpu"]
    fetched = iter(torch.stack(elsewhere).tolist() if elsewhere else ())
    return ((_number(mean, fetched), _number(std, fetched)) for mean, std in pairs)


def _number(x: Tensor | float, fetched: Iterator[float]) -> float:
    """A number, that of a tensor on the CPU, or the next of those that were fetched from elsewhere."""
    if not isinstance(x, Tensor):
        return x
    return x.item() if x.device.type == "cpu" else next(fetched)


@numba.njit(cache=True, nogil=True)
def _of_segments(values: npt.NDArray[np.float64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(S, 2): mean and population standard deviation of segments that follow on each other, in two passes."""
    found = np.empty((len(sizes), 2))
    begin = 0
    for s in range(len(sizes)):
        segment = values[begin : begin + sizes[s]]
        mean = segment.sum() / len(segment)
        found[s, 0] = mean
        found[s, 1] = np.sqrt(np.square(segment - mean).sum() / len(segment))
        begin += sizes[s]
    return found


def match_moments(matches: Matches) -> Moments | Numbers:
    """Mean of the dense matches (B, N, L), and the population standard deviation of their mean over the batch.

    Double tensors where the matches are on a GPU, numbers on a CPU, where a tensor takes longer than to count.
    """
    B, N, L = matches.shape
    mean = len(matches) / (B * N * L)
    # Of m[n, t], the number of texts where token n begins at t.
    squares = _sum_of_squares(matches)
    variance = squares / (B * B * N * L) - mean * mean
    if isinstance(variance, Tensor):
        return variance.new_tensor(mean), variance.clamp(min=0).sqrt()
    return mean, math.sqrt(max(variance, 0.0))


def _sum_of_squares(matches: Matches) -> Tensor | int:
    """Σ m², m being how often each token begins at each place: a number on a CPU, a double tensor elsewhere."""
    if matches.text.device.type == "cpu":
        return int(_squared_counts(matches.token_id.numpy(), matches.position.numpy(), matches.shape[2]))
    _, counts = torch.unique(matches.token_id * matches.shape[2] + matches.position, return_counts=True)
    squares: Tensor = counts.square().sum().double()
    return squares


@numba.njit(cache=True, nogil=True)
def _squared_counts(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], width: int) -> int:
    """Σ c², c being how often each pair occurs of a row and one of so many columns, by a hash table."""
    bits = 1
    while 1 << bits < 2 * len(rows):
        bits += 1
    last = (1 << bits) - 1
    keys, counts = np.full(last + 1, -1, np.int64), np.zeros(last + 1, np.int64)
    total = 0
    for i in range(len(rows)):
        key = rows[i] * width + columns[i]
        slot = np.int64((np.uint64(key) * np.uint64(_MIXER)) >> np.uint64(64 - bits))
        while keys[slot] not in (-1, key):
            slot = (slot + 1) & last
        keys[slot] = key
        total += 2 * counts[slot] + 1
        counts[slot] += 1
    return total
