"""Answers of a study's runs in its folder: comparisons can be made again from them without the runs.

`answers/*.parquet`, one file for each set of test texts: id and label of each text, and for each run, by its id, the
class that it predicted. Of 7,500 texts of two classes a run takes a kilobyte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tokenlayer import atomic
from tokenlayer.comparison.answers import PREDICTION, TEXT
from tokenlayer.errors import InputError

FOLDER = "answers"


@dataclass(frozen=True)
class Archive:
    """The answers of runs."""

    tables: tuple[pa.Table, ...] = ()
    """For each set of test texts: the columns of its texts, and one for each run."""

    @classmethod
    def read(cls, folder: Path) -> Archive:
        """Read those in a study's folder; none if it has none.

        Raises:
            InputError: a file is damaged.

        """
        return cls(tuple(_read(path) for path in sorted((folder / FOLDER).glob("*.parquet"))))

    def __contains__(self, run_id: str) -> bool:
        return any(run_id in table.column_names for table in self.tables)

    def predictions(self, run_id: str) -> pa.Table:
        """The texts and the predictions of a run, as `read_predictions` gives them.

        Raises:
            KeyError: the run is not there.

        """
        for table in self.tables:
            if run_id in table.column_names:
                return table.select([*TEXT, run_id]).rename_columns([*TEXT, PREDICTION])
        raise KeyError(run_id)

    def with_runs(self, predictions: Iterable[tuple[str, pa.Table]]) -> Archive:
        """These and those of runs that are not among them: ids, and tables as `read_predictions` gives them."""
        tables = list(self.tables)
        for run_id, table in predictions:
            if run_id in self:
                continue
            texts = table.select(TEXT)
            place = next((i for i, known in enumerate(tables) if known.select(TEXT).equals(texts)), len(tables))
            known = tables[place] if place < len(tables) else texts
            tables[place : place + 1] = [known.append_column(run_id, table[PREDICTION])]
        return Archive(tuple(tables))

    def write(self, folder: Path) -> None:
        """Write them into a study's folder; files of the same content come out the same."""
        for table in self.tables:
            path = folder / FOLDER / f"{_digest(table.select(TEXT))}.parquet"
            path.parent.mkdir(exist_ok=True)
            with atomic.replacing(path) as unfinished:
                pq.write_table(table.select([*TEXT, *sorted(_runs(table))]), unfinished, compression="zstd")


def _runs(table: pa.Table) -> Sequence[str]:
    return [name for name in table.column_names if name not in TEXT]


def _digest(texts: pa.Table) -> str:
    """A name for a set of texts."""
    digest = hashlib.sha256()
    for column in TEXT:
        digest.update("\0".join(texts[column].to_pylist()).encode())
    return digest.hexdigest()[:16]


def _read(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
        return table.cast(pa.schema([(name, pa.string()) for name in [*TEXT, *_runs(table)]]))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: is damaged, restore or remove it: {error}") from error
