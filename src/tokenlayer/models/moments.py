"""Mean and standard deviation of tensors, and of the dense tensor of matches that is never made."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
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


class Lasting(NamedTuple):
    """Named tensors that are changed in place, such as parameters, told apart by size."""

    sizes: dict[str, int]
    """Numbers in each tensor."""
    small: list[Tensor]
    """Small tensors on a CPU, as vectors in the same memory, in the order of their names."""
    large: dict[str, Tensor]
    """All others."""


def lasting(tensors: Iterable[tuple[str, Tensor]]) -> Lasting:
    """Tell tensors apart by size."""
    found = Lasting({}, [], {})
    for name, x in tensors:
        found.sizes[name] = size = x.numel()
        if 0 < size <= _SMALL and x.is_cpu and x.is_contiguous():
            found.small.append(x.detach().view(-1))
        else:
            found.large[name] = x.detach()
    return found


class Held(NamedTuple):
    """What named tensors hold at a moment: enough of it to measure their moments later, of many moments at once."""

    sizes: dict[str, int]
    """Numbers in each tensor."""
    small: list[Tensor]
    """Small tensors on a CPU, of which some may be one vector, in the order of their names."""
    others: dict[str, Moments | Matches]
    """The moments of the other tensors, which their device may still be at work on; the matches."""

    kept: int
    """Numbers that are kept of these."""

    @property
    def kind(self) -> Hashable:
        """What steps have in common that are measured together: names, and which of them are of one number."""
        return tuple(self.others), tuple((name, size == 1) for name, size in self.sizes.items())


def held(
    passing: Iterable[tuple[str, Tensor]] = (),
    changing: Lasting | None = None,
    known: Mapping[str, Moments | Matches] | None = None,
) -> Held:
    """What these tensors hold now, whatever becomes of them.

    Between the steps of a training the processor's caches are full of other things, and whatever is done takes several
    times as long as in a loop. To keep small tensors, or to copy them all at once, is the least that can be done.

    Args:
        passing: tensors by name that nothing changes any more, such as the activations of a step.
        changing: tensors that are changed in place later.
        known: matches, and moments that are known already.

    """
    sizes: dict[str, int] = {}
    small: list[Tensor] = []
    others = dict(known or {})
    kept = sum(3 * len(x) for x in others.values() if isinstance(x, Matches))
    for name, x in passing:
        sizes[name] = size = x.numel()
        if 0 < size <= _SMALL and x.is_cpu:
            # A view would keep all that it is a view of.
            small.append(x.detach().clone() if x._is_view() else x.detach())
            kept += size
        else:
            others[name] = moments(x.detach())
    if changing is not None:
        sizes.update(changing.sizes)
        if changing.small:
            copied = torch.cat(changing.small)
            small.append(copied)
            kept += copied.numel()
        for name, x in changing.large.items():
            others[name] = moments(x)
    return Held(sizes, small, others, kept)


def measured(steps: Sequence[Held]) -> dict[str, npt.NDArray[np.float64]]:
    """Mean and population standard deviation of what was held at each of S steps of one kind: (S, 2) by name.

    What was known stands before the tensors. On a GPU all are fetched in one transfer: each `.item()` would wait for
    the device.
    """
    first = steps[0]
    others = {name: [step.others[name] for step in steps] for name in first.others}
    pairs = [pair for column in others.values() for pair in _moments_of(column)]
    of_others = np.array(_fetched(pairs)).reshape(len(others), len(steps), 2)
    small = [name for name in first.sizes if name not in others]
    sizes = np.array([[step.sizes[name] for name in small] for step in steps], dtype=np.int64)
    parts = [part.reshape(-1) for step in steps for part in step.small]
    numbers = (torch.cat(parts) if parts else torch.empty(0)).double().numpy()
    of_small = _of_segments(numbers, sizes.reshape(-1)).reshape(len(steps), len(small), 2)
    found = {name: of_others[i] for i, name in enumerate(others)}
    found |= {name: of_small[:, i] for i, name in enumerate(small)}
    return {name: found[name] for name in (*(name for name in others if name not in first.sizes), *first.sizes)}


def _moments_of(column: Sequence[Moments | Matches]) -> Sequence[Moments | Numbers]:
    """Moments as they are, and those of matches."""
    matches = [x for x in column if isinstance(x, Matches)]
    return match_moments(matches) if matches else [x for x in column if not isinstance(x, Matches)]


def _fetched(pairs: Sequence[Moments | Numbers]) -> list[Numbers]:
    """Numbers, that may be on a device, in one transfer."""
    elsewhere = [x for pair in pairs for x in pair if isinstance(x, Tensor) and x.device.type != "cpu"]
    fetched = iter(torch.stack(elsewhere).tolist() if elsewhere else ())
    return [(_number(mean, fetched), _number(std, fetched)) for mean, std in pairs]


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


def match_moments(steps: Sequence[Matches]) -> list[Moments | Numbers]:
    """Mean of the dense matches (B, N, L), and the population standard deviation of their mean over the batch.

    Double tensors where the matches are on a GPU, numbers on a CPU, where a tensor takes longer than to count.
    """
    found: list[Moments | Numbers] = []
    for matches, squares in zip(steps, _sums_of_squares(steps), strict=True):
        B, N, L = matches.shape
        mean = len(matches) / (B * N * L)
        # Of m[n, t], the number of texts where token n begins at t.
        variance = squares / (B * B * N * L) - mean * mean
        if isinstance(variance, Tensor):
            found.append((variance.new_tensor(mean), variance.clamp(min=0).sqrt()))
        else:
            found.append((mean, math.sqrt(max(variance, 0.0))))
    return found


def _sums_of_squares(steps: Sequence[Matches]) -> Sequence[Tensor | int]:
    """Σ m² of each, m being how often a token begins at a place: numbers on a CPU, double tensors elsewhere."""
    if steps[0].text.device.type == "cpu":
        tokens, positions = (
            torch.cat([getattr(matches, name) for matches in steps]).numpy() for name in ("token_id", "position")
        )
        lengths, widths = (np.array(x, np.int64) for x in zip(*((len(m), m.shape[2]) for m in steps), strict=True))
        return list(map(int, _squared_counts(tokens, positions, lengths, widths)))
    return [_sum_of_squares(matches) for matches in steps]


def _sum_of_squares(matches: Matches) -> Tensor:
    _, counts = torch.unique(matches.token_id * matches.shape[2] + matches.position, return_counts=True)
    squares: Tensor = counts.square().sum().double()
    return squares


@numba.njit(cache=True, nogil=True)
def _squared_counts(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    widths: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Σ c² of each of some lists that follow on each other, c being how often each pair occurs of a row and a column.

    Columns are below a list's width. By one hash table for all, which each list leaves as empty as it was.
    """
    bits = 1
    while 1 << bits < 2 * lengths.max():
        bits += 1
    last = (1 << bits) - 1
    keys, counts = np.full(last + 1, -1, np.int64), np.zeros(last + 1, np.int64)
    slots = np.empty(lengths.max(), np.int64)
    found = np.zeros(len(lengths), np.int64)
    begin = 0
    for s in range(len(lengths)):
        for i in range(lengths[s]):
            key = rows[begin + i] * widths[s] + columns[begin + i]
            slot = np.int64((np.uint64(key) * np.uint64(_MIXER)) >> np.uint64(64 - bits))
            while keys[slot] not in (-1, key):
                slot = (slot + 1) & last
            keys[slot] = key
            found[s] += 2 * counts[slot] + 1
            counts[slot] += 1
            slots[i] = slot
        for i in range(lengths[s]):
            keys[slots[i]], counts[slots[i]] = -1, 0
        begin += lengths[s]
    return found
