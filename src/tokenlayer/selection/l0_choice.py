"""Choosing tokens by best subset selection: a logistic regression that pays for each token, whatever its weight.

L0 penalty and ridge (L0L2), by coordinate descent along a path and local combinatorial search: Hazimeh and Mazumder
2020, "Fast Best Subset Selection: Coordinate Descent and Local Combinatorial Optimization Algorithms"; Dedieu, Hazimeh
and Mazumder 2021, "Learning Sparse Classifiers: Continuous and Mixed Integer Optimization Perspectives". Several
outputs share their tokens: a token is in or out for all of them.
"""

from __future__ import annotations

import numpy as np

from tokenlayer.progress import working
from tokenlayer.selection.l0_path import every_gain, l0_path
from tokenlayer.selection.l0_problem import L0Problem, support
from tokenlayer.selection.l0_swaps import swap
from tokenlayer.selection.linear import Floats, Ints
from tokenlayer.text.ngrams.presence import Presence

_RIDGE = 0.1  # of 0.003 to 0.3, best for 500 tokens on a quarter of the reviews' training texts, held out


def l0_choice(
    presence: Presence, labels: Ints, n_classes: int, n_chosen: int, *, surcharge: Floats | None = None
) -> Ints:
    """The tokens with weights where an L0 penalty leaves `n_chosen` of them, that of the largest effect first.

    Args:
        presence: P candidates in n texts.
        labels: (n,)
        n_classes: number of different labels.
        n_chosen: how many to choose, at most P.
        surcharge: (P,) by which a token costs more than another.

    Returns:
        (n_chosen,) different numbers below P.

    """
    if n_chosen >= len(presence):
        return np.arange(len(presence))
    problem = L0Problem.of(presence, labels, n_classes, _RIDGE, surcharge)
    with working("choosing tokens under an L0 penalty", n_chosen) as work:
        model, penalty = l0_path(problem, n_chosen, work)
    found = support(model)
    if len(found):
        with working("exchanging tokens for others") as work:
            swap(problem, model, penalty, found, work)
    effect = np.linalg.norm(model.weights, axis=1) * problem.features.spread
    others = every_gain(problem, problem.around(problem.logits(model))) / problem.cost
    return np.lexsort((-others, -effect))[:n_chosen]
