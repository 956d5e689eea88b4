"""Class names and class numbers from labels as they stand in files."""

import math
from collections.abc import Sequence

import numpy as np

from tokenlayer.data.types import Labels
from tokenlayer.errors import InputError


def classes_of(labels: Sequence[str], place: str) -> tuple[tuple[str, ...], Labels]:
    """The class names in order (of number, where all are numbers), and each label's index among them: (n,).

    Raises:
        InputError: all labels are the same.

    """
    present = set(labels)
    if len(present) < 2:
        raise InputError(
            f"{place}: every label is {next(iter(present), None)!r}: a classifier needs two or more classes"
        )
    numbers = {label: _number(label) for label in present}
    if all(map(math.isfinite, numbers.values())):
        names = tuple(sorted(present, key=lambda label: (numbers[label], label)))
    else:
        names = tuple(sorted(present))
    index = {name: code for code, name in enumerate(names)}
    return names, np.array([index[label] for label in labels], dtype=np.int64)


def _number(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return math.nan
