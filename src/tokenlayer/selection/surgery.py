"""Choosing N of P features for a linear classifier, on the texts that hold them: the inner problem of `graft`.

The model is a logistic regression (several outputs: softmax) on presence. Each weight is penalised by how much its
feature varies, λ/2 · Σ_q var_q · n · ‖θ_q‖², that is, as if features were standardised: rare features, which tell much
about few texts, are not held back more than frequent ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, sparse, special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_PATH = 60  # penalties at most: 0.8^60 is nothing
_NEWTON_STEPS = 2
_SWEEPS = 30
_BLOCK = 64  # features, between two products of matrices in surgery
_SMALLEST = 1e-300  # instead of a zero divisor, where a feature is gone
_TOLERANCE = 1e-3  # of the penalised log-likelihood, that a sweep must gain to be worth another


@dataclass(frozen=True)
class Features:
    """Presence of P features in n texts."""

    presence: sparse.csc_matrix
    """(n, P) of ones."""

    @classmethod
    def of(cls, texts: npt.NDArray[np.int32], bounds: Ints, n_texts: int) -> Features:
        """From the texts of each feature, one feature behind the other."""
        ones = np.ones(len(texts), dtype=np.float32)
        return cls(sparse.csc_matrix((ones, texts, bounds), shape=(n_texts, len(bounds) - 1)))

    @property
    def spread(self) -> Floats:
        """(P,): standard deviation of each feature."""
        share = np.diff(self.presence.indptr) / self.presence.shape[0]
        spread: Floats = np.sqrt(np.maximum(share * (1 - share), 1e-12))
        return spread

    def columns(self, kept: Ints) -> Features:
        return Features(self.presence[:, kept])

    def rows(self, kept: Ints | npt.NDArray[np.bool_]) -> Features:
        return Features(sparse.csc_matrix(self.presence[kept]))

    def __len__(self) -> int:
        return int(self.presence.shape[1])


@dataclass(frozen=True)
class Linear:
    """Logits = presence · weights + bias."""

    weights: Floats
    """(P, n_outputs)"""
    bias: Floats
    """(n_outputs,)"""

    def logits(self, features: Features) -> Floats:
        """(n, n_outputs)"""
        out: Floats = features.presence @ self.weights.astype(np.float32) + self.bias
        return out


def probabilities(logits: Floats) -> Floats:
    """(n, n_outputs) of each output: sigmoid of one, else softmax."""
    out: Floats = special.expit(logits) if logits.shape[1] == 1 else special.softmax(logits, axis=1)
    return out


def fit(features: Features, targets: Floats, penalty: float, iterations: int = 40) -> Linear:
    """The penalised maximum-likelihood weights for `targets` (n, n_outputs): probabilities, hard (0, 1) or soft."""
    n, outputs = targets.shape
    P = len(features)
    spread = features.spread
    X = features.presence
    # In units of the standard deviation, with centred features, the problem is well conditioned.
    centre = np.asarray(X.mean(axis=0)).ravel()

    def loss(flat: Floats) -> tuple[float, Floats]:
        u, bias = flat[:-outputs].reshape(P, outputs), flat[-outputs:]
        weights = u / spread[:, None]
        logits = X @ weights.astype(np.float32) + (bias - centre @ weights)
        residual = probabilities(logits) - targets
        value = _cross_entropy(logits, targets) + 0.5 * penalty * n * float((u * u).sum())
        total = residual.sum(0)
        slope = (X.T @ residual.astype(np.float32) - np.outer(centre, total)) / spread[:, None] + penalty * n * u
        return value / n, np.concatenate([slope.ravel(), total]) / n

    start = np.concatenate([np.zeros(P * outputs), _prior(targets)])
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations, "maxcor": 10})
    weights = found.x[:-outputs].reshape(P, outputs) / spread[:, None]
    return Linear(weights, found.x[-outputs:] - centre @ weights)


def _prior(targets: Floats) -> Floats:
    share = np.clip(targets.mean(0), 1e-6, 1 - 1e-6)
    prior: Floats = special.logit(share) if len(share) == 1 else np.log(share)
    return prior


def _cross_entropy(logits: Floats, targets: Floats) -> float:
    if logits.shape[1] == 1:
        return float((np.logaddexp(0, logits) - targets * logits).sum())
    return float((special.logsumexp(logits, axis=1) - (targets * logits).sum(1)).sum())


def cross_fitted(features: Features, targets: Floats, penalty: float, folds: int) -> Floats:
    """(n, n_outputs) probabilities of each text by a model that was fitted without it.

    Text i is in fold i mod `folds`: the training texts stand in a random order. No fit starts from another's, which
    has seen the texts that this one must not see, and would leave a trace of them where it is not carried to its end.
    """
    out = np.empty_like(targets)
    fold = np.arange(len(targets)) % folds
    for held_out in range(folds):
        inside, outside = fold != held_out, fold == held_out
        model = fit(features.rows(inside), targets[inside], penalty)
        out[outside] = probabilities(model.logits(features.rows(outside)))
    return out


def lasso(features: Features, targets: Floats, size: int) -> Ints:
    """At least `size` of the features, if there are so many of use: the support of an L1 path (grouped over outputs).

    The penalty, in units of each feature's standard deviation, is lowered by a fifth at a time until so many weights
    are not zero. Of features that nearly repeat each other it takes one, which no ranking of single features does.
    """
    X, n = features.presence, features.presence.shape[0]
    scale = features.spread * np.sqrt(n)
    weights, bias = np.zeros((len(features), targets.shape[1])), _prior(targets)
    slope = X.T @ (targets - probabilities(np.tile(bias, (n, 1)))).astype(np.float32)
    penalty = float((np.linalg.norm(slope, axis=1) / scale).max())
    steepest = 1 if targets.shape[1] == 1 else 2  # diag p - p pᵀ, the curvature of softmax, is at most 2 diag p (1 - p)
    support: Ints = np.zeros(0, dtype=np.int64)
    for _ in range(_PATH):
        penalty *= 0.8
        for _ in range(_NEWTON_STEPS):
            p = probabilities(X @ weights.astype(np.float32) + bias)
            residual, curvature = targets - p, np.maximum(steepest * p * (1 - p), 1e-2)
            _descend(X.indptr, X.indices, residual, curvature, weights, bias, penalty * scale)
        support = np.flatnonzero(weights.any(axis=1))
        if len(support) >= size:
            break
    return support


# Loops over single numbers: numba would allocate an array for each expression of arrays.
@numba.njit(cache=True)
def _descend(  # noqa: PLR0912  # a compiled inner loop
    indptr: npt.NDArray[np.int32],
    texts: npt.NDArray[np.int32],
    residual: Floats,
    curvature: Floats,
    weights: Floats,
    bias: Floats,
    penalty: Floats,
) -> None:
    """Coordinate descent on the quadratic model of the loss around the present weights, which are changed in place."""
    n, outputs = residual.shape
    size = len(penalty)
    stiffness = np.zeros(size)
    for q in range(size):
        for o in range(outputs):
            total = 0.0
            for at in range(indptr[q], indptr[q + 1]):
                total += curvature[texts[at], o]
            stiffness[q] = max(stiffness[q], total)
    active = np.ones(size, dtype=np.bool_)
    slope = np.zeros(outputs)
    for sweep in range(_SWEEPS):
        for o in range(outputs):
            change = residual[:, o].sum() / curvature[:, o].sum()
            bias[o] += change
            for i in range(n):
                residual[i, o] -= curvature[i, o] * change
        largest = 0.0
        for q in range(size):
            if not active[q] and sweep % 5:
                continue
            norm = 0.0
            for o in range(outputs):
                total = stiffness[q] * weights[q, o]
                for at in range(indptr[q], indptr[q + 1]):
                    total += residual[texts[at], o]
                slope[o] = total
                norm += total * total
            norm = np.sqrt(norm)
            active[q] = norm > penalty[q]
            scale = (1 - penalty[q] / norm) / stiffness[q] if active[q] else 0.0
            for o in range(outputs):
                change = slope[o] * scale - weights[q, o]
                if change != 0.0:
                    weights[q, o] += change
                    for at in range(indptr[q], indptr[q + 1]):
                        residual[texts[at], o] -= curvature[texts[at], o] * change
                    largest = max(largest, change * change * stiffness[q])
        if largest < _TOLERANCE:
            break


def prune(features: Features, targets: Floats, size: int, penalty: float) -> Ints:
    """`size` of the features: those that are missed least go, one by one (optimal brain surgeon, Hassibi & Stork 1993).

    What dropping feature q costs, all others being free to make up for it, is ‖θ_q‖² / (2 [H⁻¹]_qq), with H the
    curvature of the penalised loss at the optimum. H has (size of features)² numbers.
    """
    model = fit(features, targets, penalty)
    p = probabilities(model.logits(features))
    curvature = (p * (1 - p)).sum(1)  # one for all outputs
    inverse = linalg.inv(_hessian(features, curvature, penalty), overwrite_a=True)
    return _surgeon(inverse, model.weights * features.spread[:, None], size)


def _hessian(features: Features, curvature: Floats, penalty: float) -> Floats:
    """(P, P): of the penalised loss by standardised features, the bias being free to make up for them."""
    X = features.presence.astype(np.float64)
    weighted = X.T.multiply(curvature).tocsr()  # (P, n)
    H: Floats = (weighted @ X).toarray()
    total = np.asarray(weighted.sum(axis=1)).ravel()
    H -= np.outer(total, total / curvature.sum())
    H /= np.outer(features.spread, features.spread) * len(curvature)
    H[np.diag_indices_from(H)] += penalty
    return H


def _surgeon(inverse: Floats, weights: Floats, size: int) -> Ints:
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
        cost = np.where(dropped, np.inf, (weights * weights).sum(1) / np.maximum(diagonal, _SMALLEST))
        out = int(cost.argmin())
        column = inverse[out] - block[:pending, out] @ block[:pending]
        block[pending] = np.where(dropped, 0.0, column / np.sqrt(column[out]))
        weights -= np.outer(block[pending] / block[pending, out], weights[out])
        diagonal -= block[pending] ** 2
        dropped[out] = True
    return np.flatnonzero(~dropped)
