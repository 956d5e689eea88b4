"""A linear classifier on which features each text holds.

The model is a logistic regression (several outputs: softmax) on presence. Each weight is penalised by how much its
feature varies, λ/2 · Σ_q var_q · n · ‖θ_q‖², that is, as if features were standardised: rare features, which tell much
about few texts, are not held back more than frequent ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numba
import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse, special
from threadpoolctl import ThreadpoolController

from tokenlayer.progress import Work, working
from tokenlayer.threads import in_threads

_ITERATIONS = 40

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Features:
    """Presence of P features in n texts."""

    presence: sparse.csc_matrix
    """(n, P) of ones."""
    weights: Floats | None = None
    """(n,), above 0: how many texts each text stands for; None: itself alone."""

    @classmethod
    def of(cls, texts: npt.NDArray[np.int32], bounds: Ints, n_texts: int, weights: Floats | None = None) -> Features:
        """From the texts of each feature, one feature behind the other."""
        ones = np.ones(len(texts), dtype=np.float32)
        return cls(sparse.csc_matrix((ones, texts, bounds), shape=(n_texts, len(bounds) - 1)), weights)

    @property
    def total(self) -> float:
        """The number of texts: n, or the sum of the weights."""
        return float(self.presence.shape[0] if self.weights is None else self.weights.sum())

    @property
    def share(self) -> Floats:
        """(P,): share of the texts that hold each feature."""
        held = np.diff(self.presence.indptr) if self.weights is None else self.presence.T @ self.weights
        share: Floats = held / self.total
        return share

    @property
    def spread(self) -> Floats:
        """(P,): standard deviation of each feature."""
        share = self.share
        spread: Floats = np.sqrt(np.maximum(share * (1 - share), 1e-12))
        return spread

    def times(self, weights: Floats) -> Floats:
        """(n, n_outputs): presence · weights (P, n_outputs), summed up in double precision.

        In single precision, or by sparse products of it, each rounding would make 10⁻⁷ of a difference in the last
        digits of the weights, of which an iterative fit makes 10⁻⁴.
        """
        X = self.presence
        out = np.zeros((X.shape[0], weights.shape[1]))
        for o in range(weights.shape[1]):
            _add_columns(X.indptr, X.indices, np.ascontiguousarray(weights[:, o]), out[:, o])
        return out

    def sums(self, values: Floats) -> Floats:
        """(P, n_outputs): for each feature the sum of `values` (n, n_outputs) over the texts that hold it."""
        X = self.presence
        columns = [_sum_rows(X.indptr, X.indices, np.ascontiguousarray(column)) for column in values.T]
        return np.column_stack(columns)

    def weighted(self, values: Floats) -> Floats:
        """The values (n, …) of each text, times its weight."""
        if self.weights is None:
            return values
        weighted: Floats = values * self.weights.reshape(-1, *[1] * (values.ndim - 1))
        return weighted

    def columns(self, kept: Ints) -> Features:
        return Features(self.presence[:, kept], self.weights)

    def rows(self, kept: npt.NDArray[np.bool_]) -> Features:
        """Those of the texts (n,) that are kept. The ones of their presence are a part of these."""
        row = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
        bounds, texts = _kept_entries(self.presence.indptr, self.presence.indices, row)
        ones = self.presence.data[: len(texts)]
        presence = sparse.csc_matrix((ones, texts, bounds), shape=(np.count_nonzero(kept), len(self)))
        return Features(presence, None if self.weights is None else self.weights[kept])

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
        return features.times(self.weights) + self.bias


def one_hot(labels: Ints, n_classes: int) -> Floats:
    """(n, n_outputs) of 0 and 1: the label itself of two classes, else one column for each."""
    of_outputs = labels[:, None] if n_classes == 2 else labels[:, None] == np.arange(n_classes)
    return of_outputs.astype(np.float64)


def probabilities(logits: Floats) -> Floats:
    """(n, n_outputs) of each output: sigmoid of one, else softmax."""
    out: Floats = special.expit(logits) if logits.shape[1] == 1 else special.softmax(logits, axis=1)
    return out


def fit(
    features: Features,
    targets: Floats,
    penalty: float,
    iterations: int = _ITERATIONS,
    work: Work | None = None,
) -> Linear:
    """The penalised maximum-likelihood weights for `targets` (n, n_outputs): probabilities, hard (0, 1) or soft."""
    n, outputs = features.total, targets.shape[1]
    P = len(features)
    spread = features.spread
    # In units of the standard deviation, with centred features, the problem is well conditioned.
    centre = features.share

    def loss(flat: Floats) -> tuple[float, Floats]:
        u, bias = flat[:-outputs].reshape(P, outputs), flat[-outputs:]
        weights = u / spread[:, None]
        logits = features.times(weights) + (bias - centre @ weights)
        residual = features.weighted(probabilities(logits) - targets)
        value = float(features.weighted(cross_entropy(logits, targets)).sum())
        value += 0.5 * penalty * n * float((u * u).sum())
        total = residual.sum(0)
        slope = (features.sums(residual) - np.outer(centre, total)) / spread[:, None] + penalty * n * u
        return value / n, np.concatenate([slope.ravel(), total]) / n

    start = np.concatenate([np.zeros(P * outputs), shares_as_logits(targets, features.weights)])
    with _libraries().limit(limits=1, user_api="blas"):
        found = optimize.minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": iterations, "maxcor": 10},
            callback=None if work is None else lambda _point: work.step(),
        )
    weights = found.x[:-outputs].reshape(P, outputs) / spread[:, None]
    return Linear(weights, found.x[-outputs:] - centre @ weights)


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that have threads of their own.

    Those of BLAS wait for each other a thousand times in a fit of a few weights; and sums over 10⁵ weights, shared out
    among them, would differ with their number.
    """
    return ThreadpoolController()


def shares_as_logits(targets: Floats, weights: Floats | None = None) -> Floats:
    """(n_outputs,): the bias of a model without features, of texts (n,) of these weights."""
    mean = targets.mean(0) if weights is None else np.average(targets, axis=0, weights=weights)
    share = np.clip(mean, 1e-6, 1 - 1e-6)
    logits: Floats = special.logit(share) if len(share) == 1 else np.log(share)
    return logits


def cross_entropy(logits: Floats, targets: Floats) -> Floats:
    """(n,)"""
    if logits.shape[1] == 1:
        return (np.logaddexp(0, logits) - targets * logits)[:, 0]
    of_text: Floats = special.logsumexp(logits, axis=1) - (targets * logits).sum(1)
    return of_text


@numba.njit(cache=True, nogil=True)
def _add_columns(bounds: npt.NDArray[np.int32], texts: npt.NDArray[np.int32], weights: Floats, out: Floats) -> None:
    """Add the weight (P,) of each feature to each text (n,) that holds it."""
    for q in range(len(weights)):
        for at in range(bounds[q], bounds[q + 1]):
            out[texts[at]] += weights[q]


@numba.njit(cache=True, nogil=True)
def _sum_rows(bounds: npt.NDArray[np.int32], texts: npt.NDArray[np.int32], values: Floats) -> Floats:
    """(P,): the sum of the values (n,) over the texts of each feature."""
    sums = np.zeros(len(bounds) - 1)
    for q in range(len(sums)):
        total = 0.0
        for at in range(bounds[q], bounds[q + 1]):
            total += values[texts[at]]
        sums[q] = total
    return sums


@numba.njit(cache=True, nogil=True)
def _kept_entries(
    bounds: npt.NDArray[np.int32], texts: npt.NDArray[np.int32], row: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Bounds (P + 1,) and rows of the entries whose texts have a row (n,), not -1."""
    new_bounds = np.zeros_like(bounds)
    for q in range(len(bounds) - 1):
        kept = 0
        for text in texts[bounds[q] : bounds[q + 1]]:
            kept += row[text] >= 0
        new_bounds[q + 1] = new_bounds[q] + kept
    rows = np.empty(new_bounds[-1] + 1, dtype=np.int32)  # where what is not kept is overwritten, at last in the last
    at = 0
    for text in texts:
        rows[at] = row[text]
        at += row[text] >= 0
    return new_bounds, rows[:-1]


def cross_fitted(features: Features, targets: Floats, penalty: float, folds: int) -> Floats:
    """(n, n_outputs) probabilities of each text by a model that was fitted without it.

    Text i is in fold i mod `folds`: the training texts stand in a random order. No fit starts from another's, which
    has seen the texts that this one must not see, and would leave a trace of them where it is not carried to its end.
    The numbers do not depend on the number of threads.
    """
    fold = np.arange(len(targets)) % folds
    works = [Work("fitting on all texts but a fold's", _ITERATIONS) for _ in range(folds)]

    def predicted(held_out: int) -> Floats:
        inside, outside = fold != held_out, fold == held_out
        model = fit(features.rows(inside), targets[inside], penalty, work=works[held_out])
        works[held_out].done = _ITERATIONS
        return probabilities(model.logits(features.rows(outside)))

    out = np.empty_like(targets)
    total, done = folds * _ITERATIONS, lambda: sum(work.done for work in works)
    # Not only in each fit: the first to end would give all others their threads back.
    one_thread = _libraries().limit(limits=1, user_api="blas")
    with working("fitting a classifier on all n-grams", total, done), one_thread:
        for held_out, probability in enumerate(in_threads(predicted, range(folds))):
            out[fold == held_out] = probability
    return out
