from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokenlayer.tracking.names import check_name, cut
from tokenlayer.tracking.tables import MetricBuffer, TableBuffer, read_parts


def test_rows_of_scalars_are_typed_and_none_is_null(tmp_path: Path) -> None:
    buffer = TableBuffer("log", next_part=7)
    for step in range(3):
        values = {"mean": 0.5 * step, "gap": None if step else 1.0, "none": None, "name": f"n{step}"}
        buffer.append({"step": step, **values, "single": np.float32(step)})
    buffer.write_part(tmp_path)
    table = pq.read_table(tmp_path / "log" / "part-000007.parquet")
    types = {field.name: field.type for field in table.schema}
    assert types == {
        "step": pa.int64(),
        "mean": pa.float64(),
        "gap": pa.float64(),
        "none": pa.float64(),
        "name": pa.string(),
        "single": pa.float32(),
    }
    assert table["gap"].to_pylist() == [1.0, None, None]
    assert table["none"].null_count == 3


def test_columns_of_arrays_repeat_scalars_and_keep_vectors(tmp_path: Path) -> None:
    buffer = TableBuffer("log", next_part=0)
    counts = np.array([5, 6])
    vectors = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)
    buffer.append({"step": 3, "neuron": range(2), "text": ["a", "b"], "count": counts, "vector": vectors})
    counts[:] = 0  # the caller's array is free again
    buffer.append({"step": 4, "neuron": range(2), "text": ["c", "d"], "count": counts, "vector": vectors})
    buffer.write_part(tmp_path)
    frame = read_parts((tmp_path / "log").glob("*.parquet")).to_pandas()
    assert frame["step"].tolist() == [3, 3, 4, 4]
    assert frame["count"].tolist() == [5, 6, 0, 0]
    assert frame["text"].tolist() == list("abcd")
    assert np.array_equal(np.stack(frame["vector"])[:2], vectors)


def test_scalars_and_arrays_may_alternate(tmp_path: Path) -> None:
    buffer = TableBuffer("log", next_part=0)
    buffer.append({"step": 0, "x": 1})
    buffer.append({"step": [1, 2], "x": np.array([0.5, np.nan])})
    buffer.append({"step": 3, "x": 2})
    table = buffer.table()
    assert table["step"].to_pylist() == [0, 1, 2, 3]
    assert table["x"].to_pylist()[:2] == [1.0, 0.5]
    assert np.isnan(table["x"].to_pylist()[2])


def test_a_column_of_several_kinds_widens(tmp_path: Path) -> None:
    buffer = TableBuffer("log", next_part=0)
    buffer.append({"step": [0, 1], "x": np.array([1, 2]), "note": None, "names": ["a", "b"]})
    buffer.append({"step": 2, "x": 2.5, "note": "late", "names": "c"})
    buffer.append({"step": [3], "x": np.array([0.5], dtype=np.float32), "note": None, "names": ["d"]})
    buffer.append({"step": [4], "x": [7], "note": "last", "names": ["e"]})
    table = buffer.table()
    assert {field.name: field.type for field in table.schema} == {
        "step": pa.int64(),
        "x": pa.float64(),
        "note": pa.string(),
        "names": pa.string(),
    }
    assert table["x"].to_pylist() == [1.0, 2.0, 2.5, 0.5, 7.0]
    assert table["note"].to_pylist() == [None, None, "late", None, "last"]
    assert table["names"].to_pylist() == list("abcde")


def test_one_list_may_come_again_and_again(tmp_path: Path) -> None:
    buffer = TableBuffer("log", next_part=0)
    names = ["a", "b"]
    for step, chunk in enumerate((names, names, ["c", "d"], names)):
        buffer.append({"step": step, "name": chunk})
    buffer.write_part(tmp_path)
    table = read_parts((tmp_path / "log").iterdir())
    assert table["name"].to_pylist() == list("ababcdab")
    assert table["step"].to_pylist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_parts_join_in_the_order_of_their_numbers_and_widen(tmp_path: Path) -> None:
    for number, value in ((10, 1.5), (2, None), (9, 3)):
        buffer = TableBuffer("log", next_part=number)
        buffer.append({"step": number, "x": value})
        buffer.write_part(tmp_path)
    table = read_parts((tmp_path / "log").iterdir())
    assert table["step"].to_pylist() == [2, 9, 10]
    assert table["x"].to_pylist() == [None, 3.0, 1.5]
    assert read_parts([]).num_rows == 0


def test_columns_that_do_not_fit_are_refused() -> None:
    buffer = TableBuffer("log", next_part=0)
    with pytest.raises(ValueError, match=r"different lengths: \{'a': 2, 'b': 3, 'c': 1\}"):
        buffer.append({"a": [1, 2], "b": [1, 2, 3], "c": 0})
    buffer.append({"a": 1, "b": 2, "c": 3})
    with pytest.raises(ValueError, match=r"'log' has the columns \['a', 'b', 'c'\], not \['a'\]"):
        buffer.append({"a": 1})


def test_an_empty_buffer_writes_nothing(tmp_path: Path) -> None:
    TableBuffer("log", 0).write_part(tmp_path)
    MetricBuffer().write_part(tmp_path / "metrics.parquet")
    assert not list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["loss?", "a//b", "/a", "a/", "../a", "", "x" * 251, "a[0]"])
def test_names_that_mlflow_refuses(name: str) -> None:
    with pytest.raises(ValueError, match="MLflow does not take the name"):
        check_name(name)
    with pytest.raises(ValueError, match="MLflow does not take the name"):
        MetricBuffer().append({name: 1.0}, 0)


def test_long_text_is_cut_visibly() -> None:
    assert cut("x" * 10, 10) == "x" * 10
    text = cut("x" * 11_000, 6000)
    assert len(text) == 6000
    assert text.endswith("x … (11000 characters in all)")
