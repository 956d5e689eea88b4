from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tokenlayer.tracking.journal import Commit
from tokenlayer.tracking.known_rows import KnownRows
from tokenlayer.tracking.tables import MetricBuffer, TableBuffer


@pytest.fixture
def known(tmp_path: Path) -> KnownRows:
    """Knows two rows of step 3, one of step 4, and a metric that was logged twice at a step."""
    table = TableBuffer("logs/a", 0)
    table.append({"step": 3, "x": np.array([0.0, 1.0])})
    table.append({"step": 4, "x": np.array([2.0])})
    table.write_part(tmp_path)
    without_steps = TableBuffer("logs/b", 0)
    without_steps.append({"x": 1})
    without_steps.write_part(tmp_path)
    metrics = MetricBuffer()
    metrics.append({"m": 1, "n": 2}, 3)
    metrics.append({"m": 1}, 3)
    metrics.write_part(tmp_path / "metrics/part-000000.parquet")
    files = dict.fromkeys(
        ["logs/a/part-000000.parquet", "logs/b/part-000000.parquet", "metrics/part-000000.parquet"], ""
    )
    return KnownRows(tmp_path, [Commit(0, 4, "metrics/part-000000.parquet", files)])


def test_metrics_are_dropped_as_often_as_they_are_known(known: KnownRows) -> None:
    given: list[Mapping[str, Any]] = [known.new_metrics({"m": 1, "n": 2, "new": 3}, 3) for _ in range(3)]
    assert given == [{"new": 3}, {"n": 2, "new": 3}, {"m": 1, "n": 2, "new": 3}]
    assert known.new_metrics({"m": 1}, 4) == {"m": 1}


def test_rows_are_dropped_as_often_as_their_step_is_known(known: KnownRows) -> None:
    first = known.new_rows("logs/a", {"step": 3, "x": np.array([0.0, 1.0, 9.0]), "label": ["a", "b", "c"]})
    assert first is not None
    assert (first["step"], first["x"].tolist(), first["label"]) == (3, [9.0], ["c"])
    assert known.new_rows("logs/a", {"step": 4, "x": 2.0}) is None
    assert known.new_rows("logs/a", {"step": 4, "x": 2.0}) == {"step": 4, "x": 2.0}
    assert known.new_rows("logs/other", {"step": 3}) == {"step": 3}


def test_steps_in_a_column(known: KnownRows) -> None:
    rows = known.new_rows("logs/a", {"step": np.array([2, 3, 3, 3, 4, 5]), "x": range(6)})
    assert rows is not None
    assert (rows["step"].tolist(), rows["x"]) == ([2, 3, 5], [0, 3, 5])


def test_a_table_without_steps_cannot_be_compared(known: KnownRows) -> None:
    assert known.new_rows("logs/b", {"x": 1}) == {"x": 1}
