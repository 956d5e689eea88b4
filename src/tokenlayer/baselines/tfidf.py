"""TF-IDF and logistic regression."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tokenlayer.baselines.base import Baseline, BaselineConfig, Labels, Probabilities, logistic_regression

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class TfidfBaseline(Baseline):
    """Logistic regression, of each class against the rest where there are several, on weighted counts.

    A count n weighs (1 + ln n) · idf, and the weights of a text have the length 1.

    Args:
        n_classes: of the labels.
        seed: of the order in which the solver takes the texts.

    """

    def __init__(self, n_classes: int, seed: int) -> None:
        from sklearn.feature_extraction.text import TfidfTransformer  # noqa: PLC0415  # scikit-learn takes a second

        self._n_classes = n_classes
        self._seed = seed
        self._weigh = TfidfTransformer(sublinear_tf=True)

    def prepare(self, counts: csr_matrix, labels: Labels) -> None:
        self._features = self._weigh.fit_transform(counts)
        self._labels = labels

    def fit(self, C: float) -> None:
        self._models = [
            logistic_regression(C=C, random_state=self._seed).fit(self._features, self._labels == label)
            for label in ([1] if self._n_classes == 2 else range(self._n_classes))
        ]

    def probabilities(self, counts: csr_matrix) -> Probabilities:
        features = self._weigh.transform(counts)
        return normalised([model.predict_proba(features)[:, 1] for model in self._models])


def normalised(of_class: list[Probabilities]) -> Probabilities:
    """(m, n_classes) from the probabilities (m,) of class 1 alone, or of each class against the rest."""
    if len(of_class) == 1:
        return np.column_stack([1 - of_class[0], of_class[0]])
    stacked = np.column_stack(of_class)
    shares: Probabilities = stacked / np.maximum(stacked.sum(1, keepdims=True), np.finfo(np.float64).tiny)
    return shares


@dataclass
class TfidfConfig(BaselineConfig):
    """TF-IDF and logistic regression."""

    strengths: list[float] = field(default_factory=lambda: [1.0, 3.0, 10.0, 30.0])
    """Values of C, the inverse strength of L2 regularisation; that which does best on the validation texts is used."""

    def build(self, n_classes: int, seed: int) -> TfidfBaseline:
        return TfidfBaseline(n_classes, seed)
