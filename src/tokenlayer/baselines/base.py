"""What a baseline is: features of counted words, and linear classifiers of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]


class Baseline(ABC):
    """A classifier of texts, given how often each word, or run of words, occurs in them."""

    @abstractmethod
    def prepare(self, counts: csr_matrix, labels: Labels) -> None:
        """Learn what the features of a text are from the training texts: counts (n, F), labels (n,)."""

    @abstractmethod
    def fit(self, C: float) -> None:
        """Fit to the training texts, regularised with the strength 1/C."""

    @abstractmethod
    def probabilities(self, counts: csr_matrix) -> Probabilities:
        """(m, n_classes) for texts of counts (m, F)."""


@dataclass
class BaselineConfig(ABC):
    """Configuration of a baseline."""

    longest_run: int = 2
    """Features are words, pairs of neighbouring words, and so on up to runs of so many."""
    min_texts: int = 2
    """Only features of at least so many training texts are taken."""
    strengths: list[float] = field(default_factory=lambda: [1.0])
    """Values of C, the inverse strength of L2 regularisation; that which does best on the validation texts is used."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        for name in ("longest_run", "min_texts"):
            if getattr(self, name) < 1:
                yield name, "must be at least 1"
        if not self.strengths or min(self.strengths) <= 0:
            yield "strengths", "must hold at least one value, each above 0"

    @abstractmethod
    def build(self, n_classes: int, seed: int) -> Baseline:
        """The classifier, which draws from `seed` what it draws."""


def logistic_regression(**settings: Any) -> Any:
    """scikit-learn's, by liblinear, which is the fastest on hundreds of thousands of sparse features."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # scikit-learn takes a second

    return LogisticRegression(solver="liblinear", max_iter=1000, **settings)
