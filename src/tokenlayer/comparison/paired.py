"""Paired tests of methods on the same texts, their correction for how many there are, and their printed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from tokenlayer.comparison.means import Mean, mean_interval

Correct = npt.NDArray[np.bool_]
"""(n,): true for the test texts that a run classified correctly, in an order that the runs share."""
Seed = TypeVar("Seed", int, str)


def mcnemar_p(one: Correct, other: Correct) -> float:
    """Two-sided exact p of McNemar's test of two runs.

    Its hypothesis: of the texts that only one run gets right, each run has half.
    """
    if one.shape != other.shape:
        raise ValueError(f"{len(one)} and {len(other)} texts cannot be compared in pairs")
    table = [
        [int((one & other).sum()), int((one & ~other).sum())],
        [int((~one & other).sum()), int((~one & ~other).sum())],
    ]
    return float(mcnemar(table, exact=True).pvalue)


@dataclass(frozen=True)
class Paired:
    """Two methods compared over the seeds that both have."""

    difference: Mean
    """Accuracy of the first minus that of the second, over seeds."""
    median_p: float
    """Median p of McNemar's test for each seed; seeds are not pooled, because they share their test texts."""


def compare(one: Mapping[Seed, Correct], other: Mapping[Seed, Correct]) -> Paired:
    """Compare two methods by the texts that each gets right, for each seed.

    Raises:
        ValueError: no seed is in both.

    """
    seeds = sorted(one.keys() & other.keys())
    if not seeds:
        raise ValueError("the methods have no seed in common")
    differences = [float(one[seed].mean() - other[seed].mean()) for seed in seeds]
    return Paired(
        mean_interval(differences),
        float(np.median([mcnemar_p(one[seed], other[seed]) for seed in seeds])),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for several comparisons."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def p_value(p: float) -> str:
    """The printed form of a p."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def shown_p(text: str) -> float:
    """The p of a printed form; for `< 0.001` the bound."""
    return float(text.removeprefix("< "))
