"""Reports on data: counts, duplicates, the first texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tokenlayer.data.splits import VALIDATION_OF_TRAIN, Indices
from tokenlayer.data.types import DataReport, PreparedDataset, RawDataset, SplitName
from tokenlayer.hints import listed


@dataclass(frozen=True)
class Example:
    """One text as the model sees it."""

    text: str
    """Decoded from its codes, without the padding."""
    label: str


@dataclass(frozen=True)
class Preview:
    """The first training texts, and how many texts each class has in each split."""

    examples: tuple[Example, ...]
    class_balance: Mapping[str, Mapping[str, int]]


def preview(prepared: PreparedDataset, n: int = 3) -> Preview:
    """The first n training texts with their labels, and the class balance by split."""
    train = prepared.splits["train"]
    examples = []
    for row, label in zip(train.codes[:n], train.labels[:n], strict=True):
        present = np.flatnonzero(row != prepared.alphabet.none_code)
        end = present[-1] + 1 if len(present) else 0
        examples.append(Example(prepared.alphabet.decode(row[:end]), prepared.class_names[label]))
    return Preview(tuple(examples), prepared.report.class_balance)


def report_on(
    raw: RawDataset,
    splits: Mapping[SplitName, Indices],
    ids: npt.NDArray[np.str_],
    lengths: npt.NDArray[np.int64],
    text_length: int,
) -> DataReport:
    """Counts by split.

    Args:
        raw: labels, and what the source says of splits.
        splits: indices into `raw`, by split.
        ids: hashes of the texts, in the order of `raw`.
        lengths: lengths of the cleaned texts, in the order of `splits`.
        text_length: L.

    """
    ends = np.cumsum([len(indices) for indices in splits.values()])[:-1]
    by_split = dict(zip(splits, np.split(lengths, ends), strict=True))
    return DataReport(
        texts={name: len(indices) for name, indices in splits.items()},
        class_balance={name: _balance(raw, indices) for name, indices in splits.items()},
        empty_texts={name: int((part == 0).sum()) for name, part in by_split.items()},
        cut_texts={name: int((part > text_length).sum()) for name, part in by_split.items()},
        repeated_texts=len(ids) - len(np.unique(ids)),
        duplicates={
            f"{first}/{second}": int(np.isin(ids[splits[second]], ids[splits[first]]).sum())
            for first, second in combinations(splits, 2)
        },
        notes=(*raw.notes, *_notes(raw, splits)),
    )


def _balance(raw: RawDataset, indices: Indices) -> dict[str, int]:
    counts = np.bincount(raw.labels[indices], minlength=len(raw.class_names))
    return dict(zip(raw.class_names, counts.tolist(), strict=True))


def _notes(raw: RawDataset, splits: Mapping[SplitName, Indices]) -> list[str]:
    notes = []
    if raw.given_splits is not None and "validation" not in raw.given_splits:
        notes.append(f"the source has no validation texts: {VALIDATION_OF_TRAIN:.0%} of its training texts were taken")
    for name, indices in splits.items():
        missing = [label for label, count in _balance(raw, indices).items() if not count]
        if missing:
            many = f"{len(missing)} classes: " if len(missing) > 1 else "class "
            notes.append(f"the {name} split has no text of {many}{listed(missing)}")
    return notes
