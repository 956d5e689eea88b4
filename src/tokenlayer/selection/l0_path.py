"""Coordinate descent with hard thresholding along a path of the L0 penalty (Hazimeh and Mazumder 2020).

The penalty is lowered step by step, each step from the weights of the one before, until as many features have a weight
as are wanted. At each, a feature gets a weight where the objective falls by more than the feature costs, and loses it
where it does not; those that promise most are looked at first.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from tokenlayer.progress import Work
from tokenlayer.selection.l0_problem import L0Problem, Quadratic, firmness, gains, support
from tokenlayer.selection.linear import Floats, Ints, Linear, shares_as_logits

_STEPS = 80  # of the path at most: 0.8^80 is nothing
_LOWERED = 0.8
_NEWTON_STEPS = 6
_SWEEPS = 50
_TOLERANCE = 1e-3  # of the objective, that a sweep must gain to be worth another


def l0_path(problem: L0Problem, size: int, work: Work) -> tuple[Linear, float]:
    """The model at the first step of the path with `size` features, or fewer if no more are of use; and the penalty."""
    outputs = problem.targets.shape[1]
    model = Linear(np.zeros((len(problem.features), outputs)), shares_as_logits(problem.targets))
    of_all = problem.around(problem.logits(model))
    penalty = float((every_gain(problem, of_all) / problem.cost).max(initial=0.0))
    for _ in range(_STEPS):
        penalty *= _LOWERED
        _settle(problem, model, penalty, size)
        work.done = len(support(model))
        if work.done >= size:
            break
    return model, penalty


def _settle(problem: L0Problem, model: Linear, penalty: float, size: int) -> None:
    """Newton steps, in place, to where no weight comes or goes under this penalty, with at most `size` features."""
    for _ in range(_NEWTON_STEPS):
        kept = support(model)
        quadratic = problem.around(problem.logits(model))
        promising = every_gain(problem, quadratic) / problem.cost
        promising[kept] = 0.0
        new = np.flatnonzero(promising > penalty)
        order = np.concatenate([kept, new[np.argsort(-promising[new], kind="stable")]])
        moved = descend(problem, quadratic, model, order, penalty * problem.cost[order], size)
        if moved < _TOLERANCE and np.array_equal(support(model), kept):
            break


def descend(
    problem: L0Problem, quadratic: Quadratic, model: Linear, order: Ints, thresholds: Floats, size: int
) -> float:
    """Coordinate descent, in place, on the quadratic model around the present weights.

    Args:
        problem: what is given.
        quadratic: the loss around the model.
        model: changed in place.
        order: (m,) the features that may have a weight, all that have one among them, in the order of each sweep.
        thresholds: (m,): what the objective has to fall by for a feature to have a weight.
        size: at most so many may have one.

    Returns:
        By how much the first sweep moved the objective, about.

    """
    X = problem.features.presence
    total = quadratic.curvature.sum(0)
    stiffness = quadratic.stiffness[order]
    ridge = problem.ridge[order]
    moved: float = _descend(
        X.indptr,
        X.indices,
        quadratic.residual.copy(),
        quadratic.curvature,
        order,
        stiffness,
        total,
        firmness(stiffness, total, ridge) - ridge,
        ridge,
        thresholds,
        size,
        model.weights,
        model.bias,
        _TOLERANCE,
    )
    return moved


def every_gain(problem: L0Problem, quadratic: Quadratic) -> Floats:
    """(P,): by how much the objective falls where each feature gets its best weight, if it has none yet."""
    total = quadratic.curvature.sum(0)
    bias = quadratic.residual.sum(0) / total
    return gains(quadratic.slope - quadratic.stiffness * bias, quadratic.stiffness, total, problem.ridge)


@numba.njit(cache=True, nogil=True)
def _descend(  # noqa: PLR0912  # a compiled inner loop
    indptr: npt.NDArray[np.int32],
    texts: npt.NDArray[np.int32],
    residual: Floats,
    curvature: Floats,
    order: Ints,
    stiffness: Floats,
    total: Floats,
    centred: Floats,
    ridge: Floats,
    thresholds: Floats,
    size: int,
    weights: Floats,
    bias: Floats,
    tolerance: float,
) -> float:
    """Change weights and bias in place, and the residual; see `descend`. `total` is the curvature of all texts."""
    # The bias takes its best value after each change of a weight. Its effect on all texts is left out of the residual
    # and kept as one number for each output.
    outputs = residual.shape[1]
    shift = np.zeros(outputs)
    for i in range(len(residual)):
        for o in range(outputs):
            shift[o] += residual[i, o] / total[o]
    n_weights = 0
    for k in range(len(order)):
        if np.any(weights[order[k]] != 0.0):
            n_weights += 1
    slope = np.zeros(outputs)
    first = 0.0
    for sweep in range(_SWEEPS):
        largest = 0.0
        gained = 0.0
        for k in range(len(order)):
            q = order[k]
            has = False
            for o in range(outputs):
                has = has or weights[q, o] != 0.0
                slope[o] = centred[k] * weights[q, o] - shift[o] * stiffness[k, o]
            if not has and n_weights >= size:
                continue
            for at in range(indptr[q], indptr[q + 1]):
                for o in range(outputs):
                    slope[o] += residual[texts[at], o]
            gain = 0.0
            for o in range(outputs):
                gain += slope[o] * slope[o]
            gain /= 2 * (centred[k] + ridge[k])
            keeps = gain > thresholds[k]
            if not keeps and not has:
                continue
            if keeps != has:
                n_weights += 1 if keeps else -1
            moved = 0.0
            for o in range(outputs):
                change = (slope[o] / (centred[k] + ridge[k]) if keeps else 0.0) - weights[q, o]
                weights[q, o] += change
                slope[o] = change
                shift[o] -= change * stiffness[k, o] / total[o]
                moved += change * change * (centred[k] + ridge[k])
            for at in range(indptr[q], indptr[q + 1]):
                for o in range(outputs):
                    residual[texts[at], o] -= curvature[texts[at], o] * slope[o]
            largest = max(largest, moved)
            gained += moved
        if sweep == 0:
            first = gained
        if largest < tolerance:
            break
    for o in range(outputs):
        bias[o] += shift[o]
    return first
