"""Columns of a CSV, TSV, JSONL or Parquet file, with the line that each row stands on."""

import csv
import io
import itertools
import json
from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tokenlayer.data.files import LARGEST_TEXT, most_unpacked, open_binary, open_text
from tokenlayer.errors import InputError
from tokenlayer.hints import did_you_mean, listed, near, shortened

Row = tuple[int, Mapping[str, Any]]

_ROWS_AT_ONCE = 128  # of Parquet, where many equal texts are packed to next to nothing

_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass
class Table:
    """Some columns of one file."""

    path: Path
    columns: dict[str, list[Any]]
    lines: "array[int]"
    """Line of the file where each row begins, from 1 (for Parquet, which has none: the row's number)."""
    names: list[str]
    """All columns that the file has (JSONL: that its first row has)."""

    def place(self, row: int) -> str:
        return f"{self.path}, line {self.lines[row]}"

    def __len__(self) -> int:
        return len(self.lines)


@dataclass
class Rows:
    """The rows of one file, gzipped or not, read one after the other: each with its line, and its cells by column.

    Raises:
        InputError: unknown format; while it is read: unreadable or malformed file (with the line), or no such column
            (with the columns present and near names).

    """

    path: Path
    columns: Mapping[str, str]
    """The columns that must be there, each with what names it in a message: `dataset.text_column=review`."""
    whole: bool = False
    """Give all cells of a row, not only those of `columns`; no two columns may have the same name then."""
    what: str = "reading texts"
    """The work, in words, that reading the rows is a part of."""
    names: list[str] = field(default_factory=list)
    """All columns that the file has (JSONL: that its first row has), known when the first row is."""
    schema: Any = None
    """Arrow's, of a Parquet file, known when the first row is."""

    def __post_init__(self) -> None:
        self.kind = _FORMATS.get(next((end for end in reversed(self.path.suffixes) if end != ".gz"), "").lower())
        if self.path.is_dir() or self.kind is None:
            known = ", ".join(_FORMATS)
            raise InputError(
                f"{self.path} is no table: give a file that ends in one of {known}, or in one of them and .gz"
            )

    def __iter__(self) -> Generator[Row, None, None]:
        self.names.clear()
        if self.kind == "parquet":
            return _parquet_rows(self)
        return _json_rows(self) if self.kind == "jsonl" else _csv_rows(self, "\t" if self.kind == "tsv" else ",")

    def place(self, line: int) -> str:
        """The row that begins on a line, for messages."""
        return f"{self.path}, line {line}"


def read_table(path: Path, columns: Mapping[str, str]) -> Table:
    """The named columns of a file, see `Rows`.

    Raises:
        InputError: as `Rows`, or there are no rows.

    """
    rows = Rows(path, columns)
    table = Table(path, {name: [] for name in columns}, array("q"), rows.names)
    for line, row in rows:
        table.lines.append(line)
        for name, values in table.columns.items():
            values.append(row[name])
    if not table.lines:
        raise InputError(f"{path} holds no rows")
    return table


def _csv_rows(rows: Rows, delimiter: str) -> Generator[Row, None, None]:
    path, columns = rows.path, rows.columns
    # The csv module's own limit, for the whole process, is 131,072 characters: long documents are longer.
    csv.field_size_limit(LARGEST_TEXT)
    with open_text(path, rows.what) as file:
        reader = csv.reader(_lines(file, path), delimiter=delimiter, strict=True)
        line = 1
        try:
            header = next(reader, [])
            _check_delimiter(header, list(columns), delimiter, path)
            rows.names += header
            _find(header, columns, path)
            places = _find(header, {name: name for name in header} if rows.whole else columns, path)
            names = [header[place] for place in places]
            line = reader.line_num + 1
            for row in reader:
                if row and len(row) != len(header):
                    raise InputError(
                        f"{path}, line {line}: {len(row)} fields where the header has {len(header)}: "
                        f"put texts with {delimiter!r} or line breaks in them between double quotes"
                    )
                if row:
                    yield line, dict(zip(names, [row[place] for place in places], strict=True))
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(f"{path}, line {line}: {error}: check the quotes of this row") from error


def _json_rows(rows: Rows) -> Generator[Row, None, None]:
    path, columns = rows.path, rows.columns
    with open_text(path, rows.what) as file:
        for line, content in enumerate(_lines(file, path), start=1):
            if not content.strip():
                continue
            try:
                row = json.loads(content)
            except ValueError as error:  # a number of more digits than Python reads, too
                raise InputError(f"{path}, line {line}: not JSON ({error})") from error
            except RecursionError as error:
                raise InputError(f"{path}, line {line}: nested too deeply for a row of a table") from error
            if not isinstance(row, dict):
                example = shortened(next(iter(columns)))
                raise InputError(f'{path}, line {line}: not a JSON object like {{"{example}": …}}')
            _find(list(row), columns, f"{path}, line {line}")
            rows.names += [] if rows.names else list(row)
            chosen = row if rows.whole else {name: row[name] for name in columns}
            if "\\u" in content:
                _check_characters(chosen, f"{path}, line {line}")
            yield line, chosen


def _check_characters(row: Mapping[str, object], place: str) -> None:
    """Raise InputError for half a character, which JSON's escapes can make, and no file or store of runs can hold."""
    for name, value in row.items():
        try:
            name.encode("utf-8")
            (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode("utf-8")
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):04x}"
            raise InputError(f"{place}: {half} is half a character: write both halves, or leave it out") from error


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines, none of which is longer than a text may be."""
    for line in itertools.count(1):
        content = file.readline(LARGEST_TEXT + 1)
        if not content:
            return
        if len(content) > LARGEST_TEXT:
            raise InputError(f"{path}, line {line}: longer than {LARGEST_TEXT:,} characters: write a row on each line")
        yield content


def _parquet_rows(rows: Rows) -> Generator[Row, None, None]:
    path, columns = rows.path, rows.columns
    # Arrow takes a while to load, and only this format needs it.
    import pyarrow as pa  # noqa: PLC0415  # only for Parquet
    import pyarrow.parquet as pq  # noqa: PLC0415  # only for Parquet

    # A text that is not UTF-8, as Parquet demands; a time that Python cannot hold.
    damaged = (pa.ArrowException, UnicodeDecodeError, ValueError, OverflowError)
    with open_binary(path, rows.what) as file:
        try:
            # Row group by row group, but for what has to be unpacked, in which nothing can be looked up.
            parquet = pq.ParquetFile(file if file.seekable() else io.BytesIO(file.read()))
            rows.schema = parquet.schema_arrow
            rows.names += rows.schema.names
            _find(rows.names, columns, path)
            names = rows.names if rows.whole else list(columns)
            _find(rows.names, {name: name for name in names}, path)
            for name in columns:
                _check_type(rows.schema.field(name).type, f"{path}: column {name!r}")
            batches = parquet.iter_batches(_ROWS_AT_ONCE, columns=None if rows.whole else names)
            # One by one: the texts of a dictionary are not there so many times before they are asked for.
            read = (zip(*(batch.column(name) for name in names), strict=True) for batch in batches)
            left = most_unpacked(path)
            for number, scalars in enumerate(itertools.chain.from_iterable(read), start=1):
                row = [scalar.as_py() for scalar in scalars]
                longest = max((len(value) for value in row if isinstance(value, str)), default=0)
                left -= longest
                if longest > LARGEST_TEXT or left < 0:
                    raise InputError(f"{path}, row {number}: unpacks to far more than texts do: look at it")
                yield number, dict(zip(names, row, strict=True))
        except damaged as error:
            raise InputError(f"{path} is no Parquet file, or damaged: {error}") from error


def _check_type(kind: Any, place: str) -> None:
    """Raise InputError for an Arrow type that is neither of texts nor of labels; Python cannot hold all times."""
    from pyarrow import types  # noqa: PLC0415  # only for Parquet

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_temporal(kind) or types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        raise InputError(f"{place} is of {kind}, neither text, numbers nor flags: choose another, or convert it")


def _check_delimiter(header: Sequence[str], wanted: Sequence[str], delimiter: str, path: Path) -> None:
    """Raise InputError where the header is one field that another character would separate."""
    if len(header) != 1 or header[0] in wanted:
        return
    for other, name in ((";", "';'"), (",", "commas"), ("\t", "tabs")):
        if other != delimiter and other in header[0]:
            remedy = "save it with tabs" if delimiter == "\t" else "save it with commas, or with tabs as .tsv"
            raise InputError(f"{path}, line 1: {shortened(header[0])!r} seems to be separated by {name}: {remedy}")


def _find(present: Sequence[str], wanted: Mapping[str, str], place: object) -> list[int]:
    for name, said in wanted.items():
        if name not in present:
            suggested = did_you_mean(near(name, present))
            raise InputError(
                f"{shortened(said)}: no such column in {place}{suggested}; its columns are {listed(present)}"
            )
        if present.count(name) > 1:
            raise InputError(f"{place}: there are {present.count(name)} columns {name!r}: rename all but the one meant")
    return [present.index(name) for name in wanted]
