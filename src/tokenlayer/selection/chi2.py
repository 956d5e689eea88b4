"""Pearson's χ² of each token and the class, and the order of scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]


def chi_squared(counts: npt.NDArray[np.int64], n_texts: npt.NDArray[np.int64]) -> Scores:
    """Pearson's χ² of "the text holds the token" against its class, n_classes - 1 degrees of freedom.

    Args:
        counts: (G, n_classes): texts of each class that hold the token.
        n_texts: (n_classes,): texts of each class.

    Returns:
        (G,); 0 for a token of every text or of none.

    """
    share = n_texts / n_texts.sum()
    held = counts.sum(1)
    expected = held[:, None] * share
    missing = n_texts - expected  # what is expected of the texts without it
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (counts - expected) ** 2 * (1 / expected + 1 / missing)
    scores: Scores = np.nan_to_num(terms, nan=0.0, posinf=0.0).sum(1)
    return scores


def best_first(scores: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Indices by descending score, ties in the order given."""
    return np.argsort(-scores, kind="stable")
