"""What users of scikit-learn give to an estimator, checked; what is wrong with it is a ValueError, as they expect."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from tokenlayer.errors import InputError
from tokenlayer.inference.reading import checked_texts

_SEEDS = 2**32
_MOST_WEIGHT = 1e12  # of all texts together; sums of squares stay far from what a double can hold


class EstimatorError(InputError, ValueError):
    """Bad input of an estimator."""


@contextmanager
def value_errors() -> Iterator[None]:
    """Each InputError of the block becomes one that is a ValueError, too."""
    try:
        yield
    except InputError as error:
        raise EstimatorError(str(error)) from error


def texts_of(X: Any) -> list[str]:
    """The texts of a list, an array, a column of a table or any other sequence.

    Raises:
        EstimatorError: there are none, or something among them is no text.

    """
    with value_errors():
        return checked_texts(X)


def labels_of(y: Any, texts: list[str]) -> npt.NDArray[Any]:
    """(n,): the labels as an array, one for each of the texts.

    Raises:
        ValueError: they are missing, no classes, of several kinds, or not as many as the texts.

    """
    if y is None:
        raise EstimatorError("y is None, but tokens are chosen by the labels of texts: give y, one label for each text")
    labels: npt.NDArray[Any] = column_or_1d(y)
    check_consistent_length(texts, labels)
    # Of a list with one string in it numpy has made strings of all, of NaN the class "nan".
    as_given = y if isinstance(y, list | tuple) else labels.astype(object)
    kinds = sorted({_kind(label) for label in as_given}) if labels.dtype.kind in "OU" else []
    if len(kinds) > 1:
        raise EstimatorError(f"y holds labels of several kinds ({', '.join(kinds)}): give all of one, and none missing")
    check_classification_targets(labels)
    return labels


def _kind(label: object) -> str:
    return "str" if isinstance(label, str) else type(label).__name__  # numpy's strings are strings, too


def classes_of(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The different labels in order, and the number (n,) of each label among them.

    Raises:
        EstimatorError: they are all the same.

    """
    classes, numbers_of = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise EstimatorError(f"y: every label is {classes.tolist()[0]!r}: a classifier needs two or more classes")
    return classes, numbers_of.astype(np.int64)


def weights_of(sample_weight: Any, texts: list[str]) -> npt.NDArray[np.float64] | None:
    """(n,): the weights, none of them below 0; None: none are given.

    Raises:
        EstimatorError: they are not as many as the texts, not finite, below 0, all 0, or of an absurd size.

    """
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EstimatorError(f"sample_weight: {error}: give one number for each text") from error
    if weights.shape != (len(texts),):
        raise EstimatorError(
            f"sample_weight has the shape {weights.shape}: give one number for each of {len(texts)} texts"
        )
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise EstimatorError("sample_weight holds a number below 0, or one that is not finite: give 0 or more")
    if not weights.any():
        raise EstimatorError("sample_weight: every weight is 0: no text is left")
    with np.errstate(over="ignore"):
        total = float(weights.sum())
    if total > _MOST_WEIGHT:
        raise EstimatorError(
            f"sample_weight adds up to {total:.3g}, more than {_MOST_WEIGHT:g}: a weight is the number of texts that "
            "one stands for; divide all by the same number"
        )
    return weights


def checked_count(value: Any, name: str) -> int:
    """A number of things that a parameter asks for, at least 1.

    Raises:
        EstimatorError: it is none.

    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise EstimatorError(f"{name}={value!r}: give a whole number, 1 or more")
    return int(value)


def seed_of(random_state: Any) -> int:
    """The seed of a training: `random_state` itself, if it is a number; else one that is drawn from it.

    Raises:
        ValueError: it is no seed and no generator.

    """
    if isinstance(random_state, numbers.Integral):
        seed = int(random_state)
        if not 0 <= seed < _SEEDS:
            raise EstimatorError(f"random_state={seed}: give a number from 0 to 2³² − 1")
        return seed
    return int(check_random_state(random_state).randint(_SEEDS, dtype=np.uint32))
