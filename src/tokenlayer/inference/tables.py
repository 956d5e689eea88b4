"""Tables of texts, of any length, read some thousand rows at a time."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenlayer.data.files import existing, open_binary
from tokenlayer.data.labels import class_name
from tokenlayer.data.sources.readers import Rows
from tokenlayer.errors import InputError
from tokenlayer.hints import shortened

_MOST_ROWS, _MOST_CHARACTERS = 4096, 1 << 21
_STANDARD_INPUT = "standard input"
_LONGEST_HEADER = 1 << 16  # bytes

Row = Mapping[str, Any]


@dataclass
class Chunk:
    """Some rows that follow each other."""

    lines: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    """Empty where no column of labels is read."""
    characters: int = 0

    @property
    def is_full(self) -> bool:
        """Enough to be worked on at once."""
        return len(self.rows) >= _MOST_ROWS or self.characters >= _MOST_CHARACTERS


class TextTable:
    """The rows of a CSV, TSV, JSONL or Parquet file, gzipped or not.

    Args:
        path: the file.
        text_column: holds the texts.
        label_column: holds their classes; None: not known.
        what: the work, in words, that the rows are read for.

    Raises:
        InputError: the file is no table.

    """

    def __init__(self, path: Path, text_column: str, label_column: str | None = None, what: str = "reading") -> None:
        columns = {text_column: f"--text-column {text_column}"}
        if label_column is not None:
            columns[label_column] = f"--label-column {label_column}"
        self.rows = Rows(path, columns, whole=True, what=what)
        self._text, self._label = text_column, label_column

    @property
    def has_labels(self) -> bool:
        """True if the classes of the texts are known."""
        return self._label is not None

    def check(self) -> None:
        """Read the first row, before what is to be done with all of them is made ready.

        Raises:
            InputError: there is none, or no such column.

        """
        with closing(iter(self.rows)) as rows:
            if next(rows, None) is None:
                raise InputError(f"{self.rows.path} holds no rows")

    def chunks(self) -> Iterator[Chunk]:
        """All rows in order.

        Raises:
            InputError: a row cannot be read, or its text is none: names its line.

        """
        chunk = Chunk()
        for line, row in self.rows:
            text = row[self._text]
            if not isinstance(text, str):
                raise InputError(f"{self.rows.place(line)}: {_no_text(self._text, text)}")
            chunk.lines.append(line)
            chunk.rows.append(row)
            chunk.texts.append(text)
            chunk.characters += len(text)
            if self._label is not None:
                place = f"{self.rows.place(line)}: the label ({self._label})"
                chunk.labels.append(class_name(row[self._label], place))
            if chunk.is_full:
                yield chunk
                chunk = Chunk()
        if chunk.rows:
            yield chunk


def _no_text(column: str, value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 (only NaN differs from itself)
        return f"{column} is missing: fill it in, or drop the row"
    kind = f"a {type(value).__name__}" if isinstance(value, list | dict) else shortened(repr(value))
    return f"{column}={kind} is no text: name another --text-column"


@contextmanager
def table_file(given: str, named_by: str = "FILE") -> Iterator[Path]:
    """The file that a command line names; `-`: what comes by standard input, kept on disk while the block runs.

    That may be CSV, TSV (tabs and no comma in the header), JSONL (it begins with `{`) or Parquet, gzipped or not.

    Args:
        given: its name.
        named_by: the argument that names it.

    Raises:
        InputError: there is no such file. In errors from the block, standard input is called by this name.

    """
    if given != "-":
        yield existing(given, named_by)
        return
    with tempfile.TemporaryDirectory() as folder:
        received = Path(folder, "received")
        with received.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        path = received.rename(Path(folder, f"{_STANDARD_INPUT}{_ending(received)}"))
        try:
            yield path
        except InputError as error:
            raise InputError(str(error).replace(str(path), _STANDARD_INPUT)) from error


def _ending(path: Path) -> str:
    with open_binary(path) as file:
        begin = file.read(_LONGEST_HEADER)
    if begin.startswith(b"PAR1"):
        return ".parquet"
    if begin.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return ".jsonl"
    header = begin.partition(b"\n")[0]
    return ".tsv" if b"\t" in header and b"," not in header else ".csv"
