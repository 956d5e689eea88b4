"""Labelled texts that a program has in memory."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.labels import class_name, classes_of
from tokenlayer.data.types import RawDataset
from tokenlayer.errors import InputError


@dataclass
class TextsConfig(DatasetConfig):
    """Texts and their labels, split at random by `split_seed`: 70 % for training, 15 % each to validate and to test."""

    texts: Sequence[str]
    """The texts."""
    labels: Sequence[Any]
    """The class of each text: text, a number, or true and false; two or more classes."""

    in_memory: ClassVar[frozenset[str]] = frozenset({"texts", "labels"})
    _outside_cache_key: ClassVar[frozenset[str]] = DatasetConfig._outside_cache_key | in_memory

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant."""
        yield from super().problems()
        if len(self.texts) != len(self.labels):
            yield "labels", f"{len(self.labels)} for {len(self.texts)} texts: give one for each"

    def source_key(self) -> str:
        """Hash of texts and labels."""
        content = json.dumps([list(self.texts), self._spelled()])
        return hashlib.sha256(content.encode()).hexdigest()

    def load(self) -> RawDataset:
        """The texts.

        Raises:
            InputError: there are none, something among them is no text, a label is missing, or all labels are the
                same.

        """
        if not len(self.texts):
            raise InputError(
                "dataset.texts: there are none; those that a program gave are not kept with a model: name texts by "
                "dataset=table dataset.source=… dataset.text_column=… dataset.label_column=…"
            )
        class_names, codes = classes_of(self._spelled(), "dataset.labels")
        return RawDataset(list(self.texts), codes, class_names, "dataset.texts")

    def _spelled(self) -> list[str]:
        for row, text in enumerate(self.texts):
            if not isinstance(text, str):
                raise InputError(f"dataset.texts[{row}]: {text!r} is no text: leave it out, with its label")
        return [class_name(label, f"dataset.labels[{row}]: the label") for row, label in enumerate(self.labels)]
