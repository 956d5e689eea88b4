"""What both estimators share: their fit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from tokenlayer.estimators.checks import (
    checked_count,
    classes_of,
    labels_of,
    seed_of,
    texts_of,
    value_errors,
    weights_of,
)
from tokenlayer.estimators.fitting import FittedTokens, fit_tokens


class TokenEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator whose fit learns tokens from texts and their labels."""

    n_tokens: int
    random_state: Any
    verbose: int

    classes_: npt.NDArray[Any]
    tokens_: list[str]
    text_length_: int
    _fitted: FittedTokens

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.target_tags.required = True
        return tags

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        """Learn the tokens.

        Raises:
            ValueError: parameters, texts, labels or weights are not what they should be.

        """
        n_tokens, seed = checked_count(self.n_tokens, "n_tokens"), seed_of(self.random_state)
        texts = texts_of(X)
        labels, weights = labels_of(y, texts), weights_of(sample_weight, texts)
        if weights is not None:
            kept = np.flatnonzero(weights)
            texts, labels, weights = [texts[i] for i in kept], labels[kept], weights[kept]
        classes, numbers = classes_of(labels)
        with value_errors():
            fitted = fit_tokens(texts, numbers, weights, n_tokens=n_tokens, seed=seed, verbose=bool(self.verbose))
        if len(fitted.tokens) < n_tokens:
            warnings.warn(
                f"the texts yield {len(fitted.tokens)} different tokens, fewer than n_tokens={n_tokens}", stacklevel=3
            )
        self._fitted, self.classes_ = fitted, classes
        self.tokens_, self.text_length_ = fitted.tokens, fitted.reader.text_length

    def _known(self) -> FittedTokens:
        """What fit has learned.

        Raises:
            NotFittedError: fit has not been called.

        """
        check_is_fitted(self)
        return self._fitted
