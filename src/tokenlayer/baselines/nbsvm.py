"""NBSVM (Wang and Manning 2012): a linear classifier of features that naive Bayes has weighted.

With logistic regression in the place of the SVM, as in Mesnil et al. 2014, so that there are probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tokenlayer.baselines.base import Baseline, BaselineConfig, Labels, Probabilities, logistic_regression
from tokenlayer.baselines.tfidf import normalised

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class NbsvmBaseline(Baseline):
    """For each class (of two, the second alone): presence times log-count ratio, and a logistic regression of it.

    Args:
        n_classes: of the labels.
        smoothing: α, added to every count of the ratio.
        seed: of the order in which the solver takes the texts.

    """

    def __init__(self, n_classes: int, smoothing: float, seed: int) -> None:
        self._classes = [1] if n_classes == 2 else list(range(n_classes))
        self._smoothing = smoothing
        self._seed = seed

    def prepare(self, counts: csr_matrix, labels: Labels) -> None:
        self._presence = _presence(counts)
        self._labels = labels
        self._ratios = [log_count_ratio(self._presence, labels == label, self._smoothing) for label in self._classes]

    def fit(self, C: float) -> None:
        # The dual problem: there are far more features than texts.
        self._models = [
            logistic_regression(C=C, dual=True, random_state=self._seed).fit(
                self._presence.multiply(ratio).tocsr(), self._labels == label
            )
            for label, ratio in zip(self._classes, self._ratios, strict=True)
        ]

    def probabilities(self, counts: csr_matrix) -> Probabilities:
        presence = _presence(counts)
        pairs = zip(self._models, self._ratios, strict=True)
        return normalised([model.predict_proba(presence.multiply(ratio).tocsr())[:, 1] for model, ratio in pairs])


def log_count_ratio(presence: csr_matrix, is_class: npt.NDArray[np.bool_], smoothing: float) -> Probabilities:
    """(F,): ln of a feature's share of the class's features by its share of the others'.

    Args:
        presence: (n, F) of ones.
        is_class: (n,)
        smoothing: α, added to every count.

    """
    p, q = (smoothing + np.asarray(presence[rows].sum(0), dtype=np.float64).ravel() for rows in (is_class, ~is_class))
    ratio: Probabilities = np.log(p / p.sum()) - np.log(q / q.sum())
    return ratio


def _presence(counts: csr_matrix) -> csr_matrix:
    presence = counts.astype(np.float64)
    presence.data[:] = 1
    return presence


@dataclass
class NbsvmConfig(BaselineConfig):
    """NBSVM."""

    strengths: list[float] = field(default_factory=lambda: [0.01, 0.03, 0.1, 0.3, 1.0])
    """Values of C, the inverse strength of L2 regularisation; that which does best on the validation texts is used."""
    smoothing: float = 1.0
    """α, added to every count of the log-count ratio."""

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from super().problems()
        if self.smoothing <= 0:
            yield "smoothing", "must be above 0"

    def build(self, n_classes: int, seed: int) -> NbsvmBaseline:
        return NbsvmBaseline(n_classes, self.smoothing, seed)
