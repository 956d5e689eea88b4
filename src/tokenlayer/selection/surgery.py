"""Cutting a choice of features down to N by optimal brain surgery."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
from scipy import linalg

from tokenlayer.selection.linear import Features, Floats, Ints, fit, probabilities

_BLOCK = 64  # features, between two products of matrices
_SAME = 1e-9  # by which costs may differ that are the same but for rounding: of such features the last one goes
_SMALLEST = 1e-300  # instead of a zero divisor, where a feature is gone


def prune(features: Features, targets: Floats, size: int, penalty: float, divisor: Floats | None = None) -> Ints:
    """`size` of the features: those that are missed least go, one by one (optimal brain surgeon, Hassibi & Stork 1993).

    What dropping feature q costs, all others being free to make up for it, is ‖θ_q‖² / (2 [H⁻¹]_qq), with H the
    curvature of the penalised loss at the optimum. H has (size of features)² numbers. What is dropped is what costs
    least, each cost divided by the feature's `divisor` (P,), if there is one.
    """
    model = fit(features, targets, penalty)
    p = probabilities(model.logits(features))
    curvature = features.weighted((p * (1 - p)).sum(1))  # one for all outputs
    inverse = linalg.inv(_hessian(features, curvature, penalty), overwrite_a=True)
    divisor = np.ones(len(features)) if divisor is None else divisor
    return _surgeon(inverse, model.weights * features.spread[:, None], size, divisor)


def _hessian(features: Features, curvature: Floats, penalty: float) -> Floats:
    """(P, P): of the penalised loss by standardised features, the bias being free to make up for them."""
    X = features.presence.tocsr()
    H = np.zeros((len(features), len(features)))
    _add_pairs(X.indptr, X.indices, curvature, H)
    total = features.presence.T @ curvature
    H -= np.outer(total, total / curvature.sum())
    H /= np.outer(features.spread, features.spread) * features.total
    H[np.diag_indices_from(H)] += penalty
    return H


@numba.njit(cache=True, nogil=True)
def _add_pairs(indptr: npt.NDArray[np.int32], features: npt.NDArray[np.int32], curvature: Floats, H: Floats) -> None:
    """Add to H, for each two features, the curvature of the texts that hold both.

    Args:
        indptr: (n + 1,)
        features: features[indptr[i]:indptr[i + 1]] are those that text i holds, ascending.
        curvature: (n,)
        H: (P, P) of zeros.

    """
    for i in range(len(curvature)):
        for a in range(indptr[i], indptr[i + 1]):
            row = H[features[a]]
            for b in range(indptr[i], a + 1):
                row[features[b]] += curvature[i]
    for p in range(len(H)):
        for q in range(p):
            H[q, p] = H[p, q]


def _surgeon(inverse: Floats, weights: Floats, size: int, divisor: Floats) -> Ints:
    """The features that stay, given H⁻¹ and the optimum; both are changed in place.

    Dropping feature q takes the rank-one matrix u uᵀ, u = H⁻¹_q / √[H⁻¹]_qq, from H⁻¹. Its diagonal, on which the costs
    depend, is brought up to date at once, the rest only after a block of features: one product of matrices for all.
    """
    dropped = np.zeros(len(weights), dtype=bool)
    diagonal = np.diag(inverse).copy()
    block = np.empty((_BLOCK, len(weights)))
    for step in range(len(weights) - size):
        pending = step % _BLOCK
        if step and not pending:
            inverse -= block.T @ block
        cost = np.where(dropped, np.inf, (weights * weights).sum(1) / (divisor * np.maximum(diagonal, _SMALLEST)))
        out = int(np.flatnonzero(cost <= cost.min() * (1 + _SAME))[-1])
        column = inverse[out] - block[:pending, out] @ block[:pending]
        block[pending] = np.where(dropped, 0.0, column / np.sqrt(column[out]))
        weights -= np.outer(block[pending] / block[pending, out], weights[out])
        diagonal -= block[pending] ** 2
        dropped[out] = True
    return np.flatnonzero(~dropped)
