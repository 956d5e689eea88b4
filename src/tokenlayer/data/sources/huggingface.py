"""Labelled texts of a Hugging Face data set, on the hub or on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.labels import class_name, classes_of
from tokenlayer.data.types import SPLITS, RawDataset, SplitName
from tokenlayer.errors import InputError
from tokenlayer.escaping import harmless_lines
from tokenlayer.hints import hint, shortened
from tokenlayer.outside import check_installed
from tokenlayer.progress import working

if TYPE_CHECKING:
    from datasets import Dataset

_ROWS = 1000  # at once
_LONGEST_REASON = 1000


@dataclass(kw_only=True)
class HuggingFaceConfig(DatasetConfig):
    """A data set by its name on the hub, with the splits that it has; or a folder of one."""

    name: str
    """Name on the hub (somebody/reviews), or a folder: of save_to_disk, or of files that `datasets` reads."""
    config_name: str | None = None
    """Configuration of the data set; null: the only one, or its default."""
    revision: str | None = None
    """Branch, tag or commit on the hub; null: the newest."""
    text_column: str
    """Column that holds the text."""
    label_column: str
    """Column that holds the class: text, a number, true and false, or a ClassLabel, whose names are taken."""
    train_split: str = "train"
    """Split with the training texts; without a test split, all texts, of which 70/15/15 are drawn by `split_seed`."""
    validation_split: str | None = None
    """Split with the validation texts; null: `validation`, where there is one, else 15 % of the training texts."""
    test_split: str | None = None
    """Split with the test texts; null: `test`, where there is one."""

    _outside_cache_key: ClassVar[frozenset[str]] = DatasetConfig._outside_cache_key | {
        "name",
        "config_name",
        "revision",
    }

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant."""
        yield from super().problems()
        if self.text_column == self.label_column:
            yield "label_column", f"is the text column {self.text_column!r} itself"
        named = [self.train_split, self.validation_split, self.test_split]
        for name, field in zip(named[1:], ("validation_split", "test_split"), strict=True):
            if name is not None and named.count(name) > 1:
                yield field, f"{name!r} is named for another split as well: its texts can be in one"

    def source_key(self) -> str:
        """Hash of the texts, of their labels, and of which splits they are."""
        digest = hashlib.sha256()
        for split, part in self._parts().items():
            digest.update(f"{split}:{json.dumps(_names(part, self.label_column))};".encode())
            for rows in part.iter(_ROWS):
                digest.update(json.dumps([rows[self.text_column], rows[self.label_column]], default=str).encode())
        return digest.hexdigest()

    def place(self) -> str:
        """The folder, or the name on the hub."""
        return str(Path(self.name).absolute()) if Path(self.name).is_dir() else self.name

    def load(self) -> RawDataset:
        """All rows of the splits.

        Raises:
            InputError: `datasets` is not installed, or there is no such data set, configuration, split or column; a
                text is none, or a label is missing; all texts are of one class.

        """
        return self.load_to_score(())

    def load_to_score(self, known_classes: Sequence[str]) -> RawDataset:
        """Return all rows of the splits; they may be of one class if others are known."""
        texts: list[str] = []
        labels: list[str] = []
        splits: list[SplitName] = []
        parts = self._parts()
        for split, part in parts.items():
            names = _names(part, self.label_column)
            for begin, rows in enumerate(part.iter(_ROWS)):
                places = range(begin * _ROWS, begin * _ROWS + len(rows[self.text_column]))
                for row, text, label in zip(places, rows[self.text_column], rows[self.label_column], strict=True):
                    place = f"{self.name}, {split} texts, row {row}"
                    texts.append(self._text(text, place))
                    labels.append(self._label(label, names, place))
                    splits.append(split)
        class_names, codes = classes_of([*labels, *known_classes], f"{self.name}, column {self.label_column}")
        is_split = len(parts) > 1
        return RawDataset(texts, codes[: len(texts)], class_names, self.name, splits if is_split else None)

    def _text(self, text: object, place: str) -> str:
        if text is None:
            return ""  # as in tables: empty texts are kept and counted
        if not isinstance(text, str):
            raise InputError(
                f"{place}: {self.text_column} is a {type(text).__name__}, no text: choose another dataset.text_column"
            )
        return text

    def _label(self, label: Any, names: Sequence[str] | None, place: str) -> str:
        if names is not None:
            if label is None or label < 0:
                raise InputError(
                    f"{place} has no label ({self.label_column}={label}), as test texts of competitions: name another "
                    "split, e.g. dataset.test_split=validation, or drop the row"
                )
            label = names[label]
        return class_name(label, f"{place}: the label ({self.label_column})")

    def _parts(self) -> dict[SplitName, Dataset]:
        """The splits that are used, each with its two columns."""
        with working(f"loading {self.name}"):
            found = self._loaded()
        named = self._split_names(found)
        for field, column in (("text_column", self.text_column), ("label_column", self.label_column)):
            for split in named.values():
                if column not in found[split].column_names:
                    known = hint(column, found[split].column_names)
                    raise InputError(f"dataset.{field}={column}: {self.name}, split {split}, has no such column{known}")
        columns = [self.text_column, self.label_column]
        return {name: found[split].select_columns(columns).with_format(None) for name, split in named.items()}

    def _split_names(self, found: Mapping[str, object]) -> dict[SplitName, str]:
        """The split of the data set that serves as each split."""
        named: dict[SplitName, str] = {}
        given = {"train": self.train_split, "validation": self.validation_split, "test": self.test_split}
        for name in SPLITS:
            split = given[name]
            if split is not None and split not in found:
                known = hint(split, found)
                raise InputError(f"dataset.{name}_split={split}: {self.name} has no such split{known}")
            if split is None and name in found and name not in given.values():
                split = name
            if split is not None:
                named[name] = split
        if "validation" in named and "test" not in named:
            raise InputError(
                f"{self.name} has the validation split {named['validation']} and no test split: name one by "
                f"dataset.test_split, which may be {named['validation']} itself; there are {', '.join(sorted(found))}"
            )
        return named

    def _loaded(self) -> Mapping[str, Dataset]:
        """The splits of the data set by name."""
        check_installed("datasets", "dataset=huggingface needs datasets", extra="huggingface")
        import datasets  # noqa: PLC0415  # an extra, which takes seconds

        folder = Path(self.name)
        shown = datasets.are_progress_bars_disabled()
        datasets.disable_progress_bars()
        try:
            if folder.is_dir() and any((folder / mark).is_file() for mark in ("dataset_dict.json", "state.json")):
                found = datasets.load_from_disk(self.name)
            else:
                found = datasets.load_dataset(self.name, self.config_name, revision=self.revision)
        except Exception as error:  # whatever reading files of any kind, or the network, makes it stumble over
            raise self._refused(error) from error
        finally:
            if not shown:
                datasets.enable_progress_bars()
        return found if isinstance(found, Mapping) else {self.train_split: found}

    def _refused(self, error: Exception) -> InputError:
        reason = shortened(harmless_lines(str(error).strip()) or type(error).__name__, _LONGEST_REASON)
        if isinstance(error, ConnectionError):
            remedy = "it is neither a folder nor in the cache, and the hub cannot be reached (is HF_HUB_OFFLINE set?)"
        elif isinstance(error, FileNotFoundError):
            remedy = "give a folder, or the name of a data set of https://huggingface.co/datasets"
        elif "Config" in reason:
            remedy = "set dataset.config_name"
        else:
            remedy = "see whether datasets.load_dataset reads it"
        return InputError(f"dataset.name={self.name} cannot be loaded: {reason}\n{remedy}")


def _names(part: Dataset, column: str) -> Sequence[str] | None:
    """The names of the classes, where the labels are their numbers."""
    names: Sequence[str] | None = getattr(part.features[column], "names", None)
    return names
