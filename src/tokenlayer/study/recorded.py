"""What a study measured before, as text in its folder: a row a run, and the comparisons of its conditions.

MLflow's store may be gone, or settings and classes renamed, so that runs are not found again. What is recorded here
stays whatever MLflow holds: a report adds rows to it, and drops none.

The column `commit` names the commit that measured a run, with `+dirty` where the code had been changed since;
`<=abcdef123456` means that it was measured at that commit or one before it, the first to have the row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenlayer.errors import InputError

RUNS, COMPARISONS = "results.csv", "comparisons.csv"
Row = Mapping[str, str]
"""A run: `cell`, what tells the cell, `seed`, `run_id`, `commit`, `finished`, `hardware`, `minutes`, and metrics."""


@dataclass(frozen=True)
class Compared:
    """A comparison of two cells among several, as it is shown."""

    one: str
    other: str
    difference: str
    """Mean over seeds of the first's accuracy less the second's, in points, with its interval."""
    seeds: int
    median_p: str
    """Of McNemar's test for each seed."""
    holm_p: str
    """The same, corrected by Holm for the number of comparisons."""


@dataclass(frozen=True)
class Recorded:
    """What lies in a study's folder."""

    rows: tuple[Row, ...] = ()
    compared: tuple[Compared, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Recorded:
        """What is recorded in a folder; nothing where there are no files.

        Raises:
            InputError: a file is damaged; to write over it would lose what it has.

        """
        rows = _read(folder / RUNS, ("cell", "seed", "run_id"), number="seed")
        compared = _read(folder / COMPARISONS, tuple(Compared.__dataclass_fields__), number="seeds")
        return cls(
            tuple(rows),
            tuple(
                Compared(row["one"], row["other"], row["difference"], int(row["seeds"]), row["median_p"], row["holm_p"])
                for row in compared
            ),
        )


def merged(recorded: Sequence[Row], new: Iterable[Row]) -> list[Row]:
    """All recorded rows as they are, and those new ones whose run is not among them, by cell and seed."""
    known = {row["run_id"] for row in recorded}
    rows = [*recorded, *(row for row in new if row["run_id"] not in known)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    # Stable: of one cell and seed the recorded ones come first, in the order of their file.
    ordered = sorted(rows, key=lambda row: (row["cell"], int(row["seed"])))
    return [{column: row.get(column, "") for column in columns} for row in ordered]


def used(rows: Sequence[Row]) -> dict[tuple[str, int], Row]:
    """(Cell, seed) → the row that counts: which finished last; one without a time is older than any that has one."""
    by_age = sorted(rows, key=lambda row: row.get("finished", ""))
    return {(row["cell"], int(row["seed"])): row for row in by_age}


def as_text(value: object) -> str:
    """A value as a row has it; numbers are read back as they were."""
    return str(float(value)) if isinstance(value, float) else str(value)


def runs_csv(rows: Sequence[Row]) -> bytes:
    """`results.csv`."""
    return _csv(rows)


def comparisons_csv(compared: Iterable[Compared]) -> bytes:
    """`comparisons.csv`."""
    return _csv([{key: str(value) for key, value in asdict(item).items()} for item in compared])


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _read(path: Path, needed: Sequence[str], *, number: str) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    lacking = [column for column in needed if column not in (reader.fieldnames or ())]
    if lacking:
        raise InputError(f"{path}: has no column {', '.join(lacking)}")
    for line, row in enumerate(rows, 2):
        # Too few fields are filled with None, too many gathered under it: such as a conflict of git's leaves behind.
        if None in row or None in row.values() or not row[number].isdecimal():
            raise InputError(f"{path}: row {line} is damaged")
    return rows
