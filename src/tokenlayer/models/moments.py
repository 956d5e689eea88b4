"""Mean and standard deviation of tensors, and of the dense tensor of matches that is never made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from tokenlayer.layer.matching import Matches

_SMALL = 8192  # numbers of a tensor that are measured together with others

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


def measured(tensors: Mapping[str, Tensor], known: Mapping[str, Moments] | None = None) -> dict[str, Numbers]:
    """Mean and population standard deviation of each tensor, as numbers.

    On a GPU all are fetched in one transfer: each `.item()` would wait for the device. On a CPU the small ones are
    measured together: of a parameter of a few numbers it is the calls that take the time.

    Args:
        tensors: by name.
        known: moments that are known already, to be fetched with the others, before which they stand.

    """
    known = known or {}
    small = [name for name, x in tensors.items() if _is_small(x)]
    found = dict(zip(small, _together([tensors[name] for name in small]), strict=True))
    rest = {**known, **{name: moments(x) for name, x in tensors.items() if name not in found}}
    if rest:
        fetched = torch.stack([value for pair in rest.values() for value in pair]).view(-1, 2).tolist()
        found |= {name: (mean, std) for name, (mean, std) in zip(rest, fetched, strict=True)}
    return {name: found[name] for name in (*known, *tensors)}


def _is_small(x: Tensor) -> bool:
    return x.device.type == "cpu" and 0 < x.numel() <= _SMALL and x.dtype in (torch.float32, torch.float64)


def _together(tensors: Sequence[Tensor]) -> list[Numbers]:
    if not tensors:
        return []
    sizes = np.array([x.numel() for x in tensors])
    begins = np.cumsum(sizes) - sizes
    values = np.concatenate([x.detach().numpy().ravel() for x in tensors], dtype=np.float64)
    mean = np.add.reduceat(values, begins) / sizes
    std = np.sqrt(np.add.reduceat(np.square(values - mean.repeat(sizes)), begins) / sizes)
    return list(zip(mean.tolist(), std.tolist(), strict=True))


def match_moments(matches: Matches, dtype: torch.dtype) -> Moments:
    """Mean of the dense matches (B, N, L), and the population standard deviation of their mean over the batch."""
    B, N, L = matches.shape
    texts = _counts(matches.token_id * L + matches.position)  # m[n, t] where it is not 0
    mean = len(matches) / (B * N * L)
    variance = texts.square().sum().double() / (B * B * N * L) - mean * mean
    return variance.new_tensor(mean, dtype=dtype), variance.clamp(min=0).sqrt().to(dtype)


def _counts(keys: Tensor) -> Tensor:
    """The number of occurrences of each value, in ascending order of the values."""
    if keys.device.type != "cpu":
        _, counts = torch.unique(keys, return_counts=True)
        return torch.as_tensor(counts)
    ordered = np.sort(keys.numpy())  # a tenth of the time of torch's
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else ordered
    return torch.from_numpy(np.diff(begins, append=len(ordered)))
