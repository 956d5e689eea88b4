"""Choosing tokens by L1-regularised logistic regression: those that get a weight when only so many may.

scikit-learn's coordinate descent (liblinear: Fan et al. 2008) solves for the tokens at hand; which those are is found
by the gradient on all others, from one strength of regularisation to the next (working sets, as in Tibshirani et al.
2012, "Strong rules for discarding predictors in lasso-type problems").
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tokenlayer.text.ngrams.presence import Presence

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix

Vector = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_SURPLUS = 1.1  # so many times as many weights as tokens are near enough: the smallest of them are dropped
_STRENGTHS = 16  # tried at most
_ROUNDS = 8  # of growth of a working set, at most
_ENTERING = 1000  # tokens that enter a working set in a round, at most
_TOLERANCE = 1e-3


def l1_choice(presence: Presence, labels: Indices, n_classes: int, n_chosen: int, *, standardise: bool) -> Indices:
    """The tokens that keep a weight when L1 regularisation leaves about `n_chosen` of them, that of largest first.

    Two classes are one regression; more are one of each class against the rest, all of one strength, where a token
    counts by its largest weight.

    Args:
        presence: P candidates in n texts.
        labels: (n,)
        n_classes: of the labels.
        n_chosen: how many to choose, at most P.
        standardise: divide each token's presence by its standard deviation, so that rare tokens pay no more for their
            effect than frequent ones.

    Returns:
        (n_chosen,) different numbers below P.

    """
    if n_chosen >= presence.n_tokens:
        return np.arange(presence.n_tokens)
    matrix = _matrix(presence)
    share = np.bincount(presence.indices, minlength=presence.n_tokens) / len(labels)
    deviation = np.sqrt(share * (1 - share))
    scale = np.where(deviation > 0, 1 / np.maximum(deviation, 1e-12), 0.0) if standardise else np.ones(len(share))
    classes = [1] if n_classes == 2 else range(n_classes)
    regressions = [_Regression(matrix, scale, labels == label) for label in classes if (labels == label).any()]
    weight, gradient = _of_strength_for(regressions, n_chosen)
    return np.lexsort((-gradient, -weight))[:n_chosen]


def _of_strength_for(regressions: Sequence[_Regression], wanted: int) -> tuple[Vector, Vector]:
    """The largest weight and gradient of each token, where at least `wanted` weights, but few more, are not 0."""
    C = 4 / max(regression.gradient.max() for regression in regressions)  # four times what lets the first token in
    too_weak, too_strong = 0.0, np.inf
    best: tuple[Vector, Vector] | None = None
    for _ in range(_STRENGTHS):
        for regression in regressions:
            regression.fit(C)
        weight = np.max([regression.weight() for regression in regressions], axis=0)
        n = np.count_nonzero(weight)
        if n >= wanted or best is None:
            best = weight, np.max([regression.gradient for regression in regressions], axis=0)
        if wanted <= n <= _SURPLUS * wanted:
            break
        if n < wanted:
            too_weak = C
        else:
            too_strong = C
        C = 2 * C if too_strong == np.inf else C / 2 if too_weak == 0 else float(np.sqrt(too_weak * too_strong))
    assert best is not None
    return best


class _Regression:
    """One class against the rest, for one strength after another.

    Args:
        matrix: (n, P) ones.
        scale: (P,) what each column is multiplied by.
        is_class: (n,)

    """

    def __init__(self, matrix: csc_matrix, scale: Vector, is_class: npt.NDArray[np.bool_]) -> None:
        self._matrix = matrix
        self._scale = scale
        self._is_class = is_class
        self._active = np.empty(0, dtype=np.int64)
        self._weight = np.empty(0)
        share = is_class.mean()
        self.gradient = self._gradient(np.full(len(is_class), np.log(share / (1 - share))))
        """(P,): absolute, of the summed loss; what is above 1/C wants a weight."""

    def fit(self, C: float) -> None:
        """Solve for the strength 1/C, from the tokens that had a weight before."""
        for _ in range(_ROUNDS):
            entering = np.setdiff1d(np.flatnonzero(self.gradient * C > 1 + _TOLERANCE), self._active)
            if not len(entering) and len(self._active):
                break
            strongest = entering[np.argsort(-self.gradient[entering], kind="stable")[:_ENTERING]]
            self._solve(np.union1d(self._active, strongest), C)

    def weight(self) -> Vector:
        """(P,): absolute, of the scaled presence."""
        weight = np.zeros(len(self._scale))
        weight[self._active] = np.abs(self._weight)
        return weight

    def _solve(self, tokens: Indices, C: float) -> None:
        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415  # scikit-learn takes a second
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

        columns = self._matrix[:, tokens].tocsr().astype(np.float64)
        columns.data *= self._scale[tokens][columns.indices]
        # The intercept is a column for liblinear: a large one makes it all but free of regularisation.
        model = LogisticRegression(
            solver="liblinear", l1_ratio=1, C=C, tol=_TOLERANCE, intercept_scaling=10, max_iter=200, random_state=0
        )
        with warnings.catch_warnings():
            # Nearly the solution chooses nearly the same tokens.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(columns, self._is_class)
        kept = np.flatnonzero(model.coef_[0])
        self._active, self._weight = tokens[kept], model.coef_[0][kept]
        self.gradient = self._gradient(columns @ model.coef_[0] + model.intercept_[0])

    def _gradient(self, logits: Vector) -> Vector:
        residual = 1 / (1 + np.exp(-logits)) - self._is_class
        gradient: Vector = np.abs(self._matrix.T @ residual) * self._scale
        return gradient


def _matrix(presence: Presence) -> csc_matrix:
    from scipy.sparse import csr_matrix  # noqa: PLC0415  # as above

    ones = np.ones(len(presence.indices), dtype=np.float32)
    shape = (len(presence.indptr) - 1, presence.n_tokens)
    return csr_matrix((ones, presence.indices, presence.indptr), shape=shape).tocsc()
