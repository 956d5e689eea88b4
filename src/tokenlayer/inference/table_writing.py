"""Tables written some rows at a time, whole or not at all."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tokenlayer.atomic import check_output, replacing
from tokenlayer.comparison.formats import csv_lines
from tokenlayer.data.sources.readers import Rows
from tokenlayer.errors import InputError
from tokenlayer.escaping import harmless
from tokenlayer.hints import shortened
from tokenlayer.inference.tables import Row

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
"""The endings of the files that can be written."""


class TableWriter(ABC):
    """Takes the rows of a table, some after others."""

    columns: tuple[str, ...] = ()
    """The columns of the first rows; in JSON each row may have others."""

    def write(self, rows: Sequence[Row], lines: Sequence[int], path: Path) -> None:
        """Write rows.

        Args:
            rows: the rows.
            lines: where each of them stands in what was read.
            path: what was read.

        Raises:
            InputError: a row has a column that none of the first had.

        """
        self.columns = self.columns or tuple(dict.fromkeys(name for row in rows for name in row))
        known = set(self.columns)
        for row, line in zip(rows, lines, strict=True):
            if not known.issuperset(row):
                unknown = shortened(next(name for name in row if name not in known))
                raise InputError(
                    f"{path}, line {line}: the first rows have no column {unknown!r}: write a file that ends in .jsonl"
                )
        self._write(rows, f"{path}, lines {lines[0]} to {lines[-1]}")

    @abstractmethod
    def _write(self, rows: Sequence[Row], place: str) -> None:
        """Write rows of no other columns than `columns`."""


class _Delimited(TableWriter):
    """CSV or TSV: no cell is a formula; nothing for what there is not; what is nested, as JSON."""

    def __init__(self, file: IO[str], delimiter: str, *, is_terminal: bool = False) -> None:
        self._file = file
        self._delimiter = delimiter
        self._is_terminal = is_terminal
        self._begun = False

    def _write(self, rows: Sequence[Row], place: str) -> None:  # noqa: ARG002 (for Parquet)
        cells = [[_cell(row.get(name)) for name in self.columns] for row in rows]
        if not self._begun:
            cells.insert(0, list(self.columns))
            self._begun = True
        if self._is_terminal:
            cells = [list(map(harmless, row)) for row in cells]
        self._file.write(csv_lines(cells, self._delimiter))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)


class _JsonLines(TableWriter):
    """An object on each line, of whatever columns the row has."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, rows: Sequence[Row], lines: Sequence[int], path: Path) -> None:  # noqa: ARG002 (for the others)
        self._write(rows, "")

    def _write(self, rows: Sequence[Row], place: str) -> None:  # noqa: ARG002 (for Parquet)
        for row in rows:
            self._file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


class _Parquet(TableWriter):
    """Columns have the types that they have in a Parquet file that was read, else those of the first rows."""

    def __init__(self, path: Path, read: Rows) -> None:
        self._path = path
        self._read = read
        self._writer: Any = None

    def _write(self, rows: Sequence[Row], place: str) -> None:
        import pyarrow as pa  # noqa: PLC0415  # only for Parquet
        import pyarrow.parquet as pq  # noqa: PLC0415  # likewise

        try:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._path, self._schema(rows), compression="zstd")
            self._writer.write_table(pa.Table.from_pylist(list(rows), schema=self._writer.schema))
        except (pa.ArrowException, TypeError, OverflowError) as error:
            raise InputError(
                f"{place}: a value is of another kind than those before it in its column ({error}): write a file that "
                "ends in .jsonl"
            ) from error

    def _schema(self, rows: Sequence[Row]) -> Any:
        import pyarrow as pa  # noqa: PLC0415  # only for Parquet

        known = {} if self._read.schema is None else {field.name: field for field in self._read.schema}
        fields = []
        for name in self.columns:
            kind = pa.array([row.get(name) for row in rows]).type
            fields.append(known.get(name, pa.field(name, pa.string() if pa.types.is_null(kind) else kind)))
        return pa.schema(fields)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def check_new(output: Path, endings: Sequence[str] = ENDINGS) -> None:
    """Look whether a file that is not there yet can be written, before the work that fills it.

    Raises:
        InputError: something is there, or it ends in none of `endings`, or its folder cannot be written to.

    """
    if output.suffix.lower() not in endings:
        raise InputError(f"--output {output}: its ending names no format: give one of {', '.join(endings)}")
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise InputError(f"--output {output}: is there already: name a new file, or remove it first")
    check_output(output)


@contextmanager
def table_writer(output: Path | None, read: Rows) -> Iterator[TableWriter]:
    """Writes a table to a new file, which is there when the block has ended well, or as CSV to standard output.

    Raises:
        InputError: the file cannot be written.

    """
    if output is None:
        yield _Delimited(sys.stdout, ",", is_terminal=sys.stdout.isatty())
        return
    try:
        with replacing(output) as unfinished:
            if output.suffix.lower() == ".parquet":
                parquet = _Parquet(unfinished, read)
                try:
                    yield parquet
                finally:
                    parquet.close()
                return
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                if output.suffix.lower() == ".jsonl":
                    yield _JsonLines(file)
                else:
                    yield _Delimited(file, "\t" if output.suffix.lower() == ".tsv" else ",")
    except OSError as error:
        raise InputError(
            f"--output {output}: cannot be written ({error.strerror}): name a file in a folder there is"
        ) from error
