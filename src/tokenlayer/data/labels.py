"""Class names and class numbers from labels as they stand in files."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenlayer.data.types import Labels
from tokenlayer.errors import InputError

_WHOLE = re.compile(r"([+-]?\d{1,4000})\.0+")  # of more digits Python makes no number
_LONGEST_LABEL = 500
_HALF = re.compile("[\ud800-\udfff]")


def spelled(value: Any) -> str:
    """A label of a file as the name of its class; empty where it is missing.

    A number has one spelling, whether a format keeps it as integer, float or text: 1, 1.0 and "1.0" are the class 1.
    """
    if value is None or value != value:  # noqa: PLR0124 (only NaN differs from itself)
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return str(int(whole[1])) if whole else text


def class_name(value: Any, place: str) -> str:
    """The class that a label of a file names.

    Raises:
        InputError: it is missing, or no name: the message begins with `place`.

    """
    if isinstance(value, (list, dict, bytes)):
        raise InputError(f"{place} is no text, number or flag, but a {type(value).__name__}: choose another column")
    label = spelled(value)
    if not label:
        raise InputError(f"{place} is missing: fill it in, or drop the row")
    if len(label) > _LONGEST_LABEL:
        raise InputError(f"{place} has {len(label):,} characters, a class at most {_LONGEST_LABEL}: is it the text?")
    if _HALF.search(label):
        raise InputError(
            f"{place}, {label!r}, holds half a character, which no file can: write both halves, or drop it"
        )
    return label


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
