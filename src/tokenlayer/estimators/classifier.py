"""The classifier whose tokens are learned with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special
from sklearn.base import ClassifierMixin

from tokenlayer.estimators.base import TokenEstimator
from tokenlayer.estimators.checks import texts_of


class TokenClassifier(ClassifierMixin, TokenEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classifies texts by the learned tokens that they hold, linearly.

    It is the classifier of `tokenlayer train` with its default settings, trained on all texts that it is given, without
    a validation: the last weights are used.

        classifier = TokenClassifier(n_tokens=500).fit(texts, labels)
        classifier.predict(["a splendid film"])

    Attributes:
        classes_: the different labels, in the order of the probabilities.
        tokens_: the tokens.
        text_length_: characters of a cleaned text that are read; the rest is cut off.

    Args:
        n_tokens: the number of tokens. Where the texts yield fewer, there are fewer, and a warning says so.
        random_state: seed, or generator of one, of the training.
        verbose: 1 shows how far it is, on standard error.

    """

    def __init__(self, n_tokens: int = 500, *, random_state: Any = 0, verbose: int = 0) -> None:
        self.n_tokens = n_tokens
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TokenClassifier:
        """Learn tokens and weights.

        A text of weight 0 is as one that is left out. A text of weight 2 is as the text twice: in the loss and its
        penalty, in the prices of n-grams and in the selection among them. It is not in what goes by the number of
        different texts: the number and order of the batches, the first tokens, which are drawn at random, and the
        choice of n-grams that are no candidates because they stand in too few texts, or where a longer one does.

        Args:
            X: n texts: a list, an array or a column of a table.
            y: (n,) their labels, of two or more classes.
            sample_weight: (n,) how many texts each text stands for, 0 or more; None: each for itself.

        Raises:
            ValueError: texts, labels, weights or parameters are not what they should be.

        """
        self._fit(X, y, sample_weight)
        return self

    def decision_function(self, X: Any) -> npt.NDArray[np.float64]:
        """The logits: (n,) of the second of two classes, or (n, classes).

        Raises:
            ValueError: there are no texts, or something among them is no text.
            NotFittedError: fit has not been called.

        """
        logits = self._known().logits(texts_of(X))
        return logits[:, 0] if logits.shape[1] == 1 else logits

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """(n, classes): the probability of each class. Raises as `decision_function`."""
        logits = self.decision_function(X)
        probabilities: npt.NDArray[np.float64]
        if logits.ndim == 1:
            probabilities = special.expit(np.stack([-logits, logits], axis=1))
        else:
            probabilities = special.softmax(logits, axis=1)
        return probabilities

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """(n,): the most probable class of each text. Raises as `decision_function`."""
        logits = self.decision_function(X)
        best = (logits > 0).astype(np.int64) if logits.ndim == 1 else logits.argmax(axis=1)
        labels: npt.NDArray[Any] = self.classes_[best]
        return labels
