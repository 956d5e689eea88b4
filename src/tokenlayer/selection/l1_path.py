"""Choosing features by an L1-regularised classifier: those that get a weight when only so many may.

One path serves `graft` (soft targets, and a support that surgery cuts down) and the initializers `l1_ngrams` and
`l1_words` (labels). Of features that nearly repeat each other it takes one, which no ranking of single features does.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from tokenlayer.progress import Work, working
from tokenlayer.selection.linear import Features, Floats, Ints, Linear, one_hot, probabilities, shares_as_logits
from tokenlayer.text.ngrams.presence import Presence

_STEPS = 60  # of the path at most: 0.8^60 is nothing
_NEWTON_STEPS = 2
_SWEEPS = 30
_TOLERANCE = 1e-3  # of the penalised log-likelihood, that a sweep must gain to be worth another
_ON_THE_WAY = 0.1  # the same before the end of the path, where twice the time for more chose no better tokens
_SURPLUS = 500  # features at most that l1_choice lets in beyond those it chooses


def l1_support(features: Features, targets: Floats, size: int, surcharge: Floats | None = None) -> Ints:
    """The features with a weight at the end of the L1 path: at least `size`, if there are so many of use.

    Args:
        features: P candidates in n texts.
        targets: (n, n_outputs) probabilities, hard (0, 1) or soft.
        size: how many weights are wanted.
        surcharge: (P,) by which a feature's weight costs more than by its standard deviation.

    """
    cost = _standard(features) if surcharge is None else _standard(features) * surcharge
    with working("choosing n-grams on the L1 path", size) as work:
        model = _path(features, targets, size, cost, work)
    return np.flatnonzero(model.weights.any(axis=1))


def l1_choice(
    presence: Presence,
    labels: Ints,
    n_classes: int,
    n_chosen: int,
    *,
    standardise: bool,
    surcharge: Floats | None = None,
) -> Ints:
    """The tokens of largest weight where L1 regularisation leaves more than `n_chosen` of them, the largest first.

    With up to twice as many weights as tokens, the strongest tokens are chosen under a penalty that shrinks them less:
    on IMDB, better by 0.5 % accuracy for 100 tokens and by 0.1 % for 500 than a path that ends at so many weights.

    Args:
        presence: P candidates in n texts.
        labels: (n,)
        n_classes: number of different labels.
        n_chosen: how many to choose, at most P.
        standardise: divide each token's presence by its standard deviation, so that rare tokens pay no more for their
            effect than frequent ones.
        surcharge: (P,) by which a token's weight costs more than that.

    Returns:
        (n_chosen,) different numbers below P.

    """
    if n_chosen >= len(presence):
        return np.arange(len(presence))
    features = Features.of(presence.texts, presence.bounds, presence.n_texts)
    targets = one_hot(labels, n_classes)
    cost = _standard(features) if standardise else np.full(len(features), np.sqrt(presence.n_texts))
    if surcharge is not None:
        cost = cost * surcharge
    size = n_chosen + min(n_chosen, _SURPLUS)
    with working("choosing tokens on the L1 path", size) as work:
        model = _path(features, targets, size, cost, work)
    # Under an infinite cost, a token of every text or of none has no weight.
    unit = cost if surcharge is None else cost / surcharge**2
    effect = np.linalg.norm(model.weights, axis=1) * np.where(np.isfinite(cost), unit, 0.0)
    return np.lexsort((-_prices(features, targets, model, cost), -effect))[:n_chosen]


def _standard(features: Features) -> Floats:
    """(P,): what a feature's weight costs in units of its standard deviation; infinite where it does not vary."""
    frequency = np.diff(features.presence.indptr)
    varies = (frequency > 0) & (frequency < features.presence.shape[0])
    return np.where(varies, features.spread * np.sqrt(features.total), np.inf)


def _path(features: Features, targets: Floats, size: int, cost: Floats, work: Work) -> Linear:
    """The model at the first step of the L1 path (grouped over outputs) where `size` features have weights.

    The penalty is lowered by a fifth at a time, each step from the weights of the one before.
    """
    model = Linear(np.zeros((len(features), targets.shape[1])), shares_as_logits(targets, features.weights))
    penalty = float(_prices(features, targets, model, cost).max(initial=0.0))
    for _ in range(_STEPS):
        penalty *= 0.8
        for tolerance in (_ON_THE_WAY, _TOLERANCE):
            _improve(model, features, targets, penalty * cost, tolerance)
            work.done = int(np.count_nonzero(model.weights.any(axis=1)))
            if work.done < size:
                break
        else:
            break
    return model


def _improve(model: Linear, features: Features, targets: Floats, penalty: Floats, tolerance: float) -> None:
    """Newton steps, in place, towards the model that is best under a penalty (P,) on the weights."""
    one = targets.shape[1] == 1
    descend = _descend_one if one else _descend
    steepest = 1 if one else 2  # diag p - p pᵀ, the curvature of softmax, is at most 2 diag p (1 - p)
    X = features.presence
    for _ in range(_NEWTON_STEPS):
        p = probabilities(model.logits(features))
        residual = features.weighted(targets - p)
        curvature = features.weighted(np.maximum(steepest * p * (1 - p), 1e-2))
        descend(X.indptr, X.indices, residual, curvature, model.weights, model.bias, penalty, tolerance)


def _prices(features: Features, targets: Floats, model: Linear, cost: Floats) -> Floats:
    """(P,): the penalty below which each feature gets a weight, or a larger one."""
    residual = features.weighted(targets - probabilities(model.logits(features)))
    prices: Floats = np.linalg.norm(features.sums(residual), axis=1) / cost
    return prices


# Loops over single numbers: numba would allocate an array for each expression of arrays.
@numba.njit(cache=True, nogil=True)
def _descend(  # noqa: PLR0912  # a compiled inner loop
    indptr: npt.NDArray[np.int32],
    texts: npt.NDArray[np.int32],
    residual: Floats,
    curvature: Floats,
    weights: Floats,
    bias: Floats,
    penalty: Floats,
    tolerance: float,
) -> None:
    """Coordinate descent on the quadratic model of the loss around the present weights, which are changed in place."""
    # The outputs of a text stand side by side: they are walked innermost, which is fast for many classes, too.
    n, outputs = residual.shape
    size = len(penalty)
    stiffness = np.zeros(size)
    total = np.zeros(outputs)
    for q in range(size):
        total[:] = 0.0
        for at in range(indptr[q], indptr[q + 1]):
            for o in range(outputs):
                total[o] += curvature[texts[at], o]
        stiffness[q] = max(total.max(), 0.0)
    firmness = np.zeros(outputs)
    for i in range(n):
        for o in range(outputs):
            firmness[o] += curvature[i, o]
    active = np.ones(size, dtype=np.bool_)
    slope, change = np.zeros(outputs), np.zeros(outputs)
    for sweep in range(_SWEEPS):
        change[:] = 0.0
        for i in range(n):
            for o in range(outputs):
                change[o] += residual[i, o]
        for o in range(outputs):
            change[o] /= firmness[o]
            bias[o] += change[o]
        for i in range(n):
            for o in range(outputs):
                residual[i, o] -= curvature[i, o] * change[o]
        largest = 0.0
        for q in range(size):
            if not active[q] and sweep % 5:
                continue
            for o in range(outputs):
                slope[o] = stiffness[q] * weights[q, o]
            for at in range(indptr[q], indptr[q + 1]):
                for o in range(outputs):
                    slope[o] += residual[texts[at], o]
            norm = 0.0
            for o in range(outputs):
                norm += slope[o] * slope[o]
            norm = np.sqrt(norm)
            active[q] = norm > penalty[q]
            scale = (1 - penalty[q] / norm) / stiffness[q] if active[q] else 0.0
            moves = False
            for o in range(outputs):
                change[o] = slope[o] * scale - weights[q, o]
                weights[q, o] += change[o]
                moves = moves or change[o] != 0.0
                largest = max(largest, change[o] * change[o] * stiffness[q])
            if moves:
                for at in range(indptr[q], indptr[q + 1]):
                    for o in range(outputs):
                        residual[texts[at], o] -= curvature[texts[at], o] * change[o]
        if largest < tolerance:
            break


@numba.njit(cache=True, nogil=True)
def _descend_one(
    indptr: npt.NDArray[np.int32],
    texts: npt.NDArray[np.int32],
    residual: Floats,
    curvature: Floats,
    weights: Floats,
    bias: Floats,
    penalty: Floats,
    tolerance: float,
) -> None:
    """`_descend` for one output, number for number, in a quarter of the time.

    Sums of single numbers stay in registers, and most features never need to know how stiff they are.
    """
    n, size = len(residual), len(penalty)
    r, c, w = residual[:, 0], curvature[:, 0], weights[:, 0]
    stiffness = np.full(size, -1.0)
    firmness = 0.0
    for i in range(n):
        firmness += c[i]
    active = np.ones(size, dtype=np.bool_)
    for sweep in range(_SWEEPS):
        change = 0.0
        for i in range(n):
            change += r[i]
        change /= firmness
        bias[0] += change
        for i in range(n):
            r[i] -= c[i] * change
        largest = 0.0
        for q in range(size):
            if not active[q] and sweep % 5:
                continue
            if w[q] != 0.0 and stiffness[q] < 0:
                stiffness[q] = _sum_at(c, texts, indptr[q], indptr[q + 1], 0.0)
            slope = _sum_at(r, texts, indptr[q], indptr[q + 1], stiffness[q] * w[q])
            norm = np.sqrt(slope * slope)
            active[q] = norm > penalty[q]
            if active[q] and stiffness[q] < 0:
                stiffness[q] = _sum_at(c, texts, indptr[q], indptr[q + 1], 0.0)
            scale = (1 - penalty[q] / norm) / stiffness[q] if active[q] else 0.0
            change = slope * scale - w[q]
            if change == 0.0:
                continue
            w[q] += change
            largest = max(largest, change * change * stiffness[q])
            for at in range(indptr[q], indptr[q + 1]):
                r[texts[at]] -= c[texts[at]] * change
        if largest < tolerance:
            break


@numba.njit(cache=True, nogil=True)
def _sum_at(values: Floats, texts: npt.NDArray[np.int32], begin: int, end: int, first: float) -> float:
    """`first`, plus the values of the texts at these places of the list."""
    total = first
    for at in range(begin, end):
        total += values[texts[at]]
    return total
