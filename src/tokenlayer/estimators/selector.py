"""Learned tokens as features of texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import TransformerMixin

from tokenlayer.estimators.base import TokenEstimator
from tokenlayer.estimators.checks import texts_of


class TokenSelector(TransformerMixin, TokenEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Counts the character n-grams that tell most about the labels together: a vectorizer with a bounded vocabulary.

    The tokens are those of `tokenlayer train` with its default settings. Texts are lower-cased, freed of punctuation
    and cut as there; occurrences that overlap are all counted.

        features = TokenSelector(n_tokens=500).fit_transform(texts, labels)

    Attributes:
        tokens_: the tokens, in the order of the columns.
        classes_: the different labels, in order.
        text_length_: characters of a cleaned text that are read; the rest is cut off.

    Args:
        n_tokens: the number of tokens. Where the texts yield fewer, there are fewer, and a warning says so.
        binary: 1 for a token that occurs, however often.
        random_state: seed, or generator of one, of the training.
        verbose: 1 shows how far it is, on standard error.

    """

    def __init__(self, n_tokens: int = 500, *, binary: bool = False, random_state: Any = 0, verbose: int = 0) -> None:
        self.n_tokens = n_tokens
        self.binary = binary
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> TokenSelector:
        """Learn the tokens.

        Args:
            X: n texts: a list, an array or a column of a table.
            y: (n,) their labels, of two or more classes.
            sample_weight: (n,) weights, as for `TokenClassifier.fit`.

        Raises:
            ValueError: texts, labels, weights or parameters are not what they should be.

        """
        self._fit(X, y, sample_weight)
        return self

    def transform(self, X: Any) -> sparse.csr_matrix:
        """(n, tokens) int64: how often each token occurs in each of n texts.

        Raises:
            ValueError: there are no texts, or something among them is no text.
            NotFittedError: fit has not been called.

        """
        return self._known().counts(texts_of(X), binary=self.binary)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:  # noqa: ARG002 (scikit-learn passes it)
        """The tokens (P,), which name the columns.

        Raises:
            NotFittedError: fit has not been called.

        """
        return np.array(self._known().tokens, dtype=object)
