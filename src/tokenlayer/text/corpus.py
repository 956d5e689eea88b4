"""Labelled texts as a model sees them, for whatever chooses tokens by them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokenlayer.text.alphabet import Codes


@dataclass(frozen=True)
class TrainingTexts:
    """The n training texts, cut and padded to L characters. Never validation or test texts."""

    codes: Codes
    """(n, L); it may be memory-mapped."""
    labels: npt.NDArray[np.int64]
    """(n,): 0..n_classes - 1."""
    n_classes: int
    folder: Path | None = None
    """The folder for whatever is computed from exactly these texts; None: it is not kept."""
    weights: npt.NDArray[np.float64] | None = None
    """(n,), above 0: how many texts each text stands for; None: itself alone."""

    def first(self, n_texts: int) -> TrainingTexts:
        """The first texts, for what is computed from no more of them."""
        weights = None if self.weights is None else self.weights[:n_texts]
        return TrainingTexts(self.codes[:n_texts], self.labels[:n_texts], self.n_classes, weights=weights)

    def __len__(self) -> int:
        return len(self.labels)
