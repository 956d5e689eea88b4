"""Labelled texts from any CSV, TSV, JSONL or Parquet file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.files import existing, hash_files
from tokenlayer.data.labels import class_name, classes_of
from tokenlayer.data.sources.readers import Table, read_table
from tokenlayer.data.types import SPLITS, RawDataset, SplitName
from tokenlayer.errors import InputError
from tokenlayer.hints import shortened


@dataclass(kw_only=True)
class TableConfig(DatasetConfig):
    """One file, split by a column or at random; or one file for each split."""

    source: str
    """File with the texts (beside `test_source`: the training texts): CSV, TSV, JSONL or Parquet."""
    text_column: str
    """Column that holds the text."""
    label_column: str
    """Column that holds the class: text, a number, or true and false; two or more classes."""
    split_column: str | None = None
    """Column that says train, validation or test; null: a random 70/15/15 split by `split_seed`."""
    validation_source: str | None = None
    """File with the validation texts; null, with `test_source`: 15 % of the training texts."""
    test_source: str | None = None
    """File with the test texts; null: they are in `source`."""

    _outside_cache_key: ClassVar[frozenset[str]] = DatasetConfig._outside_cache_key | {
        "source",
        "validation_source",
        "test_source",
    }

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant."""
        yield from super().problems()
        if self.split_column is not None and self.test_source is not None:
            yield "split_column", "the splits come from files already: leave out split_column or test_source"
        if self.validation_source is not None and self.test_source is None:
            yield "test_source", "must be given beside validation_source"
        if self.text_column == self.label_column:
            yield "label_column", f"is the text column {self.text_column!r} itself"

    def source_key(self) -> str:
        """Hash of the files, their formats, and which splits they are."""
        return hash_files({f"{name}{''.join(path.suffixes)}": path for name, path in self._files().items()})

    def check_source(self) -> None:
        """Check that all files are there."""
        self._files()

    def place(self) -> str:
        """The file with the training texts."""
        return str(Path(self.source).absolute())

    def load(self) -> RawDataset:
        """All rows of all files.

        Raises:
            InputError: missing file or column, a row that cannot be read, a label that is missing, an unknown
                split, one class only.

        """
        return self.load_to_score(())

    def load_to_score(self, known_classes: Sequence[str]) -> RawDataset:
        """Return all rows of all files; they may be of one class if others are known."""
        texts: list[str] = []
        labels: list[str] = []
        splits: list[SplitName] = []
        notes: list[str] = []
        for name, path in self._files().items():
            table = read_table(path, self._columns())
            texts += _texts(table, self.text_column)
            labels += _labels(table, self.label_column)
            if self.split_column is not None:
                splits += _splits(table, self.split_column)
            elif self.test_source is not None:
                splits += [name] * len(table)
            else:
                notes += self._unused_splits(table)
        class_names, codes = classes_of([*labels, *known_classes], f"{self.source}, column {self.label_column}")
        return RawDataset(texts, codes[: len(texts)], class_names, self.source, splits or None, notes=tuple(notes))

    def _columns(self) -> dict[str, str]:
        """The columns that are read, each with the setting that names it."""
        columns = {name: getattr(self, name) for name in ("text_column", "label_column", "split_column")}
        return {column: f"dataset.{name}={column}" for name, column in columns.items() if column is not None}

    def _unused_splits(self, table: Table) -> Iterator[str]:
        for name in table.names:
            if name.lower() == "split" and name not in table.columns:
                yield (
                    f"the column {name!r} of {table.path} is not used, and the texts are split at random: "
                    f"add dataset.split_column={name} to split them by it"
                )

    def _files(self) -> dict[SplitName, Path]:
        sources: dict[SplitName, tuple[str, str | None]] = {
            "train": ("dataset.source", self.source),
            "validation": ("dataset.validation_source", self.validation_source),
            "test": ("dataset.test_source", self.test_source),
        }
        return {name: existing(path, key) for name, (key, path) in sources.items() if path is not None}


def _texts(table: Table, column: str) -> list[str]:
    texts = table.columns[column]
    for row, text in enumerate(texts):
        if text is None:
            texts[row] = ""  # null is how these formats say empty, and empty texts are kept and counted
        elif not isinstance(text, str):
            raise InputError(
                f"{table.place(row)}: {column}={_shown(text)} is no text: choose another dataset.text_column"
            )
    return cast(list[str], texts)


def _labels(table: Table, column: str) -> list[str]:
    values = enumerate(table.columns[column])
    return [class_name(value, f"{table.place(row)}: the label ({column})") for row, value in values]


def _splits(table: Table, column: str) -> list[SplitName]:
    values = table.columns[column]
    for row, value in enumerate(values):
        if value not in SPLITS:
            raise InputError(f"{table.place(row)}: {column}={_shown(value)} is no split: write {', '.join(SPLITS)}")
    return cast(list[SplitName], values)


def _shown(value: object) -> str:
    """A value of a file for a message; a nested one may be too deep to be written out."""
    return f"a {type(value).__name__}" if isinstance(value, (list, dict)) else shortened(repr(value))
