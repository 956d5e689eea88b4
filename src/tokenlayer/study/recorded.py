"""Earlier measurements in a study's folder: a row for each run, comparisons of conditions, answers of runs.

Runs may not be found again, because MLflow's store is gone or settings and classes were renamed. The recorded rows
stay whatever MLflow holds: a report adds rows and drops none.

The column `commit` names the commit of the code that made a run, with `+dirty` if the code had been changed since.
`<=abcdef123456` stands for that commit or an earlier one: it is the first commit with the row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tokenlayer.comparison.formats import csv_text
from tokenlayer.errors import InputError
from tokenlayer.escaping import from_csv_cell
from tokenlayer.study.archive import Archive

RUNS, COMPARISONS = "results.csv", "comparisons.csv"
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
    """The recorded rows, comparisons and answers of a study."""

    rows: tuple[Row, ...] = ()
    compared: tuple[Compared, ...] = ()
    archive: Archive = field(default_factory=Archive)

    @classmethod
    def read(cls, folder: Path) -> Recorded:
        """Read a study's folder; empty if it has no files.

        Raises:
            InputError: a file is damaged; writing over it would lose its rows.

        """
        rows = _read(folder / RUNS, ("condition", "seed", "run_id"), number="seed")
        return cls(tuple(rows), read_comparisons(folder), Archive.read(folder))


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
    return csv_text(rows)


def comparisons_csv(compared: Iterable[Compared]) -> str:
    """The content of `comparisons.csv`."""
    return csv_text([{key: str(value) for key, value in asdict(item).items()} for item in compared])


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
    return [{from_csv_cell(column): from_csv_cell(cell) for column, cell in row.items()} for row in rows]
