"""Rows that a resumed run records once more, and that are there already."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from tokenlayer.tracking.journal import Commit
from tokenlayer.tracking.tables import PART, is_scalar, row_count

STEP = "step"


class KnownRows:
    """The rows of the commits after the checkpoint that a run goes on from.

    Training from there records them again, and MLflow forgets none. They are compared where they stand: a metric by its
    name and step, a table's rows by their step, each as often as it is known. A table without a column `step` cannot be
    compared.

    Args:
        artifacts: the folder with the run's parts.
        commits: the commits after the one with the checkpoint.

    """

    def __init__(self, artifacts: Path, commits: Iterable[Commit]) -> None:
        self._metrics: Counter[tuple[str, int]] = Counter()
        self._tables: dict[str, Counter[int]] = {}
        for commit in commits:
            if commit.metrics is not None:
                rows = pq.read_table(artifacts / commit.metrics, columns=["key", STEP])
                self._metrics.update(zip(rows["key"].to_pylist(), rows[STEP].to_pylist(), strict=True))
            for name in commit.files:
                if PART.search(name) and name != commit.metrics:
                    self._count_part(artifacts, name)

    def _count_part(self, artifacts: Path, name: str) -> None:
        path = artifacts / name
        if STEP in pq.read_schema(path).names:
            steps = self._tables.setdefault(Path(name).parent.as_posix(), Counter())
            steps.update(pq.read_table(path, columns=[STEP])[STEP].to_pylist())

    def new_metrics(self, metrics: Mapping[str, Any], step: int) -> Mapping[str, Any]:
        """Those of the metrics that are not known at this step."""
        if not self._metrics:
            return metrics
        return {name: value for name, value in metrics.items() if not self._take(self._metrics, (name, step))}

    def new_rows(self, table: str, columns: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The columns with the rows whose steps are not known; None where no row is left."""
        known = self._tables.get(table)
        if not known or STEP not in columns:
            return columns
        rows = row_count(columns)
        if rows is None:
            return None if self._take(known, int(columns[STEP])) else columns
        steps = np.broadcast_to(np.asarray(columns[STEP]), (rows,))
        is_new = np.array([not self._take(known, int(step)) for step in steps], dtype=bool)
        if is_new.all():
            return columns
        return {name: _chosen(value, is_new) for name, value in columns.items()} if is_new.any() else None

    @staticmethod
    def _take(known: Counter[Any], key: object) -> bool:
        if known[key] == 0:
            del known[key]
            return False
        known[key] -= 1
        return True


def _chosen(value: Any, is_chosen: npt.NDArray[np.bool_]) -> Any:
    if is_scalar(value):
        return value
    if isinstance(value, np.ndarray):
        return value[is_chosen]
    return [item for item, chosen in zip(value, is_chosen, strict=True) if chosen]
