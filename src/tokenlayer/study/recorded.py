"""Earlier measurements, as text in a study's folder: a row for each run, and the comparisons of conditions.

Runs may not be found again, because MLflow's store is gone or settings and classes were renamed. The recorded rows
stay whatever MLflow holds: a report adds rows and drops none.

The column `commit` names the commit of the code that made a run, with `+dirty` if the code had been changed since.
`<=abcdef123456` stands for that commit or an earlier one: it is the first commit with the row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenlayer.errors import InputError

RUNS, COMPARISONS = "results.csv", "comparisons.csv"
# What a spreadsheet takes for the beginning of a formula, and what it may: a number, with its interval or without.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9.]+(?:e[+-]?[0-9]+)?(?: ± [0-9.]+)?|-?inf", re.IGNORECASE)
Row = Mapping[str, str]
"""A run: `condition` and its columns, `seed`, `run_id`, `commit`, `finished`, `hardware`, `minutes`, and metrics."""


@dataclass(frozen=True)
class Compared:
    """One of several comparisons of two conditions, as printed."""

    one: str
    other: str
    difference: str
    """Accuracy of the first minus that of the second in points: mean over seeds, with its interval."""
    seeds: int
    median_p: str
    """Median p of McNemar's test, made for each seed."""
    holm_p: str
    """The median p, corrected by Holm for the number of comparisons."""


@dataclass(frozen=True)
class Recorded:
    """The recorded rows and comparisons of a study."""

    rows: tuple[Row, ...] = ()
    compared: tuple[Compared, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Recorded:
        """Read a study's folder; empty if it has no files.

        Raises:
            InputError: a file is damaged; writing over it would lose its rows.

        """
        rows = _read(folder / RUNS, ("condition", "seed", "run_id"), number="seed")
        return cls(tuple(rows), read_comparisons(folder))


def read_comparisons(folder: Path) -> tuple[Compared, ...]:
    """The recorded comparisons of a folder.

    Raises:
        InputError: the file is damaged.

    """
    rows = _read(folder / COMPARISONS, tuple(Compared.__dataclass_fields__), number="seeds")
    return tuple(
        Compared(row["one"], row["other"], row["difference"], int(row["seeds"]), row["median_p"], row["holm_p"])
        for row in rows
    )


def merged(recorded: Sequence[Row], new: Iterable[Row]) -> list[Row]:
    """All recorded rows, unchanged, and the new rows of runs that are not among them, by condition and seed."""
    known = {row["run_id"] for row in recorded}
    rows = [*recorded, *(row for row in new if row["run_id"] not in known)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    # The sort is stable: within a condition and seed, recorded rows come first, in the order of their file.
    ordered = sorted(rows, key=lambda row: (row["condition"], int(row["seed"])))
    return [{column: row.get(column, "") for column in columns} for row in ordered]


def used(rows: Sequence[Row]) -> dict[tuple[str, int], Row]:
    """(Condition, seed) → the row of the run that finished last. Rows without a time count as the oldest."""
    by_age = sorted(rows, key=lambda row: row.get("finished", ""))
    return {(row["condition"], int(row["seed"])): row for row in by_age}


def as_text(value: object) -> str:
    """A value as text; a float is read back as the same number."""
    return str(float(value)) if isinstance(value, float) else str(value)


def runs_csv(rows: Sequence[Row]) -> str:
    """The content of `results.csv`."""
    return _csv(rows)


def comparisons_csv(compared: Iterable[Compared]) -> str:
    """The content of `comparisons.csv`."""
    return _csv([{key: str(value) for key, value in asdict(item).items()} for item in compared])


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    columns = list(rows[0]) if rows else []
    for cells in (columns, *([row[column] for column in columns] for row in rows)):
        # Before Python 3.13 a carriage return in a cell is not quoted where the lines end otherwise.
        if any("\r" in cell for cell in cells):
            writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        else:
            writer = csv.writer(text, lineterminator="\n")
        writer.writerow(map(_as_cell, cells))
    return text.getvalue()


def _as_cell(text: str) -> str:
    """Text that a spreadsheet shows and does not compute: `'=1+1` for `=1+1`. Numbers with their signs stay.

    An apostrophe that stands before such text already gets one more, so that every text can be read back.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _from_cell(cell: str) -> str:
    """The text behind a cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _read(path: Path, needed: Sequence[str], *, number: str) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    lacking = [column for column in needed if column not in (reader.fieldnames or ())]
    if lacking:
        is_old = "condition" in lacking and "cell" in (reader.fieldnames or ())
        hint = f"; version 0.1 wrote it: python -m experiments.rename_results {path.parent}" if is_old else ""
        raise InputError(f"{path}: has no column {', '.join(lacking)}{hint}")
    for line, row in enumerate(rows, 2):
        # DictReader fills missing fields with None and puts surplus ones under None: a git conflict has either.
        if None in row or None in row.values() or not row[number].isdecimal():
            raise InputError(f"{path}: row {line} is damaged")
    return [{_from_cell(column): _from_cell(cell) for column, cell in row.items()} for row in rows]
