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

    def __len__(self) -> int:
        return len(self.labels)
