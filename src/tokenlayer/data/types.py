"""The forms that data take on their way: texts as read, splits as encoded, batches as trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.corpus import TrainingTexts

if TYPE_CHECKING:
    from torch import Tensor

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroundTruth:
    """The patterns that the labels of generated texts depend on."""

    patterns: dict[str, tuple[str, ...]]
    """The character patterns of each class, by class name."""
    distractors: tuple[str, ...]
    """Patterns planted as often in every class: frequent, but not informative."""


@dataclass
class RawDataset:
    """n labelled texts as a source gives them."""

    texts: list[str]
    labels: Labels
    """(n,): index into `class_names`."""
    class_names: tuple[str, ...]
    place: str
    """File or source, for messages."""
    given_splits: list[SplitName] | None = None
    """The split of each text where the source says so."""
    only_training: bool = False
    """True if every text is a training text: none is held out to validate or to test."""
    weights: npt.NDArray[np.float64] | None = None
    """(n,), above 0: how many texts each text stands for; None: itself alone."""
    ground_truth: GroundTruth | None = None
    notes: tuple[str, ...] = ()
    """What a person should know of the source, for the data report."""


@dataclass(frozen=True)
class EncodedSplit:
    """The n texts of one split, cut and padded to L characters."""

    codes: Codes
    """(n, L), memory-mapped; C where there is no character."""
    labels: Labels
    """(n,)"""
    ids: npt.NDArray[np.str_]
    """(n,): hash of the text as it was read, in hexadecimal digits."""
    weights: npt.NDArray[np.float64] | None = None
    """(n,), above 0: how many texts each text stands for; None: itself alone."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class DataReport:
    """The facts about the data that a person should know before trusting a result."""

    texts: dict[str, int]
    """Number of texts by split."""
    class_balance: dict[str, dict[str, int]]
    """Number of texts by split and class."""
    empty_texts: dict[str, int]
    """Texts without any character after cleaning, by split; they are kept."""
    cut_texts: dict[str, int]
    """Texts longer than `text_length` after cleaning, by split."""
    repeated_texts: int
    """Texts that occur before, word for word, anywhere in the data."""
    duplicates: dict[str, int]
    """Texts of the second split that the first one holds too, as "train/test": n."""
    notes: tuple[str, ...]
    """Decisions made for want of information, and what looks wrong."""


@dataclass(frozen=True)
class PreparedDataset:
    """Encoded, split and cached data."""

    alphabet: Alphabet
    class_names: tuple[str, ...]
    text_length: int
    splits: Mapping[SplitName, EncodedSplit]
    fingerprint: str
    """Hash of what a model sees: codes, labels, alphabet, classes; the same for any form of the source."""
    report: DataReport
    ground_truth: GroundTruth | None
    uncut: Codes
    """Codes of all cleaned texts, uncut, a space behind each: train, validation, test; memory-mapped."""
    bounds: npt.NDArray[np.int64]
    """(n + 1,): text i of all splits, its space included, is uncut[bounds[i]:bounds[i + 1]]."""
    folder: Path | None = None
    """The folder in which the data are cached."""

    def training_texts(self) -> TrainingTexts:
        """The training texts with their labels."""
        train = self.splits["train"]
        return TrainingTexts(train.codes, train.labels, len(self.class_names), self.folder, train.weights)

    def corpus(self, scope: Literal["train", "all"] = "train", cap: int | None = None) -> Codes:
        """Cleaned texts, uncut, joined by a space, for initializers: (characters,).

        Args:
            scope: the training texts, or all texts, as in the original.
            cap: take no more than the first so many characters, as the original takes 10 million. The texts stand
                in a random order, so that these are a sample.

        """
        if scope == "train":
            return self.uncut[: self._end(len(self.splits["train"]))][:cap]
        if cap is None:
            return self.uncut[: self._end(len(self.bounds) - 1)]
        return self._sample_of_all(cap)

    def _end(self, n_texts: int) -> int:
        return max(int(self.bounds[n_texts]) - 1, 0)

    def _sample_of_all(self, cap: int) -> Codes:
        # The splits stand one behind the other; the order of hashes mixes them, as the original's shuffle does.
        order = np.argsort(np.concatenate([self.splits[name].ids for name in SPLITS]), kind="stable")
        ends = np.cumsum(np.diff(self.bounds)[order])
        needed = order[: int(np.searchsorted(ends, cap)) + 1]
        texts = [self.uncut[self.bounds[i] : self.bounds[i + 1]] for i in needed]
        return np.concatenate(texts)[: min(cap, self._end(len(order)))]


class Batch(NamedTuple):
    """B texts of one step."""

    codes: Tensor
    """(B, L): uint8 when C < 256, else int32."""
    labels: Tensor
    """(B,): int64."""
    rows: Tensor
    """(B,): int64, which texts of the split these are."""
    weights: Tensor | None = None
    """(B,): the weight of each text in the loss, 1 on average over the split; None: 1."""
