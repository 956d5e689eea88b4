"""Mean and interval over seeds, and their printed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
"""The level of all intervals."""
OF_TWO = "The interval of two runs reaches nine standard deviations to each side: three runs or more say much more."
"""What is to be said where a mean of two is shown."""


@dataclass(frozen=True)
class Mean:
    """Mean over n seeds with a 95 % interval."""

    mean: float
    half_width: float
    """Half the width of the interval, by Student's t with n − 1 degrees of freedom; NaN for one seed."""
    n: int


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Mean:
    """Mean and interval of independent values, one for each seed."""
    n = len(values)
    if n == 0:
        return Mean(math.nan, math.nan, 0)
    if n == 1:
        return Mean(float(values[0]), math.nan, 1)
    half_width = stats.t.ppf((1 + level) / 2, n - 1) * stats.sem(values)
    return Mean(float(np.mean(values)), float(half_width), n)


def percent(mean: Mean, *, sign: bool = False) -> str:
    """A share in percent, or a difference in points, with its interval: `87.1 ± 0.3`."""
    if mean.n == 0:
        return "–"
    shown = f"{100 * mean.mean:{'+' if sign else ''}.1f}"
    return shown if math.isnan(mean.half_width) else f"{shown} ± {100 * mean.half_width:.1f}"


def means_text(mean: Mean) -> str:
    """A mean that is no share, with as many digits as its interval allows: `0.352 ± 0.021`, `412.0 ± 5.5`."""
    if mean.n == 0:
        return "–"
    if not math.isfinite(mean.half_width) or not mean.half_width:
        return f"{mean.mean:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(mean.half_width)))
    return f"{mean.mean:.{decimals}f} ± {mean.half_width:.{decimals}f}"
