"""Rows of tables and metrics: buffered as they come, written as Parquet parts, read back in order."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tokenlayer.atomic import replacing
from tokenlayer.tracking.names import check_name

PART = re.compile(r"part-(\d{6})\.parquet$")
_PLAIN = frozenset({int, float, str, bool})

Columns = Mapping[str, Any]


def next_part(names: Iterable[str]) -> int:
    """The number of the part to be written after those of these names."""
    return max((int(found[1]) for name in names if (found := PART.search(name))), default=-1) + 1


def part_name(number: int) -> str:
    """File name of a part; the names sort as the numbers do."""
    return f"part-{number:06d}.parquet"


def row_count(columns: Columns) -> int | None:
    """Rows in `columns`; None: one row of scalars.

    Raises:
        ValueError: the columns differ in length.

    """
    if _PLAIN.issuperset(map(type, columns.values())):  # most rows, one for each step: looked at without a loop
        return None
    lengths = {len(value) for value in columns.values() if not is_scalar(value)}
    if len(lengths) > 1:
        shown = {name: 1 if is_scalar(value) else len(value) for name, value in columns.items()}
        raise ValueError(f"columns of different lengths: {shown}")
    return lengths.pop() if lengths else None


def is_scalar(value: object) -> bool:
    return value is None or isinstance(value, (int, float, str, bool, np.generic))


def _array(value: Any, rows: int) -> pa.Array:
    """A column of `rows` values: a scalar is repeated, a 2-D array becomes a vector per row."""
    if is_scalar(value):
        return pa.array([value] * rows)
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(value.reshape(-1)), value.shape[1])
    return pa.array(value)


def _column(values: Sequence[Any], rows: Sequence[int]) -> pa.Array | pa.ChunkedArray:
    """A column of chunks of so many rows, made at once where they are of one kind."""
    kinds = {type(value) for value in values}
    if kinds == {np.ndarray} and len({(value.dtype, value.shape[1:]) for value in values}) == 1:
        return _array(np.concatenate(values), sum(rows))
    if kinds == {list}:
        made = {id(value): pa.array(value) for value in values}  # one list may come again and again
        if len({array.type for array in made.values()}) == 1:
            return pa.chunked_array([made[id(value)] for value in values])
    if kinds == {int}:
        return pa.array(np.repeat(np.array(values, dtype=np.int64), rows))
    pieces = [pa.table([_array(value, n)], names=["column"]) for value, n in zip(values, rows, strict=True)]
    return pa.concat_tables(pieces, promote_options="permissive")[0]


class TableBuffer:
    """The rows of one table that are in no part yet.

    Args:
        name: the table's folder among the artifacts, e.g. `logs/grads_log`.
        next_part: number of the next part.

    """

    def __init__(self, name: str, next_part: int) -> None:
        self.name = name
        self.rows = 0
        self._next_part = next_part
        self._names: frozenset[str] | None = None
        self._chunks: list[tuple[int | None, Columns]] = []

    def append(self, columns: Columns) -> None:
        """Take rows; arrays are copied, as the caller may write over them.

        Raises:
            ValueError: columns of different lengths, or other columns than the table's.

        """
        if self._names is None:
            self._names = frozenset(columns)
        elif self._names != columns.keys():
            raise ValueError(f"table {self.name!r} has the columns {sorted(self._names)}, not {sorted(columns)}")
        rows = row_count(columns)
        if rows is None:
            self._chunks.append((None, dict(columns)))
        else:
            copied = {name: v.copy() if isinstance(v, np.ndarray) else v for name, v in columns.items()}
            self._chunks.append((rows, copied))
        self.rows += 1 if rows is None else rows

    def table(self) -> pa.Table:
        """The buffered rows; a column without any value is one of floats."""
        pieces: list[pa.Table] = []
        for of_scalars, alike in groupby(self._chunks, key=lambda chunk: chunk[0] is None):
            counts, chunks = zip(*alike, strict=True)
            columns = {name: [chunk[name] for chunk in chunks] for name in chunks[0]}
            if not of_scalars:
                columns = {name: _column(values, counts) for name, values in columns.items()}
            pieces.append(pa.table(columns))
        return joined(pieces)

    def write_part(self, folder: Path) -> None:
        """Write the buffered rows, if there are any, as the next part into `folder`/`name` and forget them."""
        if not self.rows:
            return
        write_parquet(self.table(), folder / self.name / part_name(self._next_part))
        self._chunks, self.rows, self._next_part = [], 0, self._next_part + 1


class MetricBuffer:
    """Metric rows that are in no part yet, each with the time at which it was recorded.

    The time is what makes a second push of the same row the same row for MLflow.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, dict[str, float]]] = []
        self._known: set[str] = set()

    def append(self, values: Mapping[str, Any], step: int) -> None:
        """Take values; what `float` takes (a tensor of one element, too) is a value.

        Raises:
            ValueError: a name that MLflow does not take.

        """
        if not self._known.issuperset(values):
            for name in values:
                check_name(name)
            self._known.update(values)
        if not values:
            return
        now = time.time_ns() // 1_000_000
        self._rows.append((now, int(step), {name: float(value) for name, value in values.items()}))

    def table(self) -> pa.Table:
        """The rows as columns `key`, `value`, `timestamp` (ms since 1970), `step`."""
        flat = [(k, v, now, step) for now, step, values in self._rows for k, v in values.items()]
        keys, numbers, times, steps = zip(*flat, strict=True) if flat else ((), (), (), ())
        return pa.table(
            {
                "key": pa.array(keys, pa.string()),
                "value": pa.array(numbers, pa.float64()),
                "timestamp": pa.array(times, pa.int64()),
                "step": pa.array(steps, pa.int64()),
            }
        )

    def write_part(self, path: Path) -> None:
        """Write the rows, if there are any, to `path` and forget them."""
        if not self._rows:
            return
        write_parquet(self.table(), path)
        self._rows = []


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a Parquet file (zstd), making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Measured numbers hardly repeat: a dictionary of them takes as long as all the rest, and more space than none.
    repeating = [
        column.name for column in table.schema if pa.types.is_integer(column.type) or column.type == pa.string()
    ]
    with replacing(path) as unfinished:
        pq.write_table(table, unfinished, compression="zstd", use_dictionary=repeating)


def read_parts(paths: Iterable[Path]) -> pa.Table:
    """The rows of the given parts, in the order of their numbers; an empty table for none."""
    return joined([pq.read_table(path) for path in sorted(paths, key=lambda path: path.name)])


def joined(pieces: Sequence[pa.Table]) -> pa.Table:
    """One table of all rows; types widen where they differ, a column without any value is of floats."""
    if not pieces:
        return pa.table({})
    whole = pa.concat_tables(pieces, promote_options="permissive").combine_chunks()
    for i, column in enumerate(whole.schema):
        if pa.types.is_null(column.type):
            whole = whole.set_column(i, column.name, whole.column(i).cast(pa.float64()))
    return whole


def as_frame(table: pa.Table) -> pd.DataFrame:
    """The table as pandas has it."""
    frame: pd.DataFrame = table.to_pandas()
    return frame
