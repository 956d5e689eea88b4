"""Settings against metrics, on frames as `find_runs` returns them."""

import json
import math
import subprocess
import sys

import pandas as pd
import pytest

from tokenlayer.comparison.table import condition_keys, finished, means, setting, settings_table

JOB, PARENT = "tags.tokenlayer.sweep.job", "tags.mlflow.parentRunId"


def row(run: int, status: str = "FINISHED", accuracy: float | None = None, **swept: object) -> dict[str, object]:
    """A child of a sweep."""
    texts = {key: str(value) for key, value in swept.items()}
    found = {} if accuracy is None else {"metrics.test/accuracy": accuracy}
    start = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(minutes=run)
    about = {"run_id": f"{run:032x}", "name": f"run-{run}", "status": status, "start": start}
    return {**about, **found, PARENT: "p" * 32, JOB: json.dumps(texts)}


@pytest.fixture
def runs() -> pd.DataFrame:
    """Three seeds of one size, two of another, one of which has not ended; the latest first."""
    rows = [row(i, accuracy=0.86 + 0.01 * i, N=100, seed=i) for i in range(3)]
    rows += [row(3, accuracy=0.9, N=20, seed=0), row(4, "RUNNING", 0.1, N=20, seed=1)]
    return pd.DataFrame(rows[::-1])


def test_statistics_over_seeds(runs: pd.DataFrame) -> None:
    table = settings_table(runs, ["N"], ["test/accuracy"])
    assert table["N"].tolist() == ["20", "100"], "numbers by size"
    assert table["runs"].tolist() == [1, 3], "what has not ended does not count"
    # s = 0.01, t(0.975; 2) = 4.3027: 4.3027 · 0.01 / √3
    found = table.iloc[1]
    assert found["test/accuracy n"] == 3
    assert found["test/accuracy mean"] == pytest.approx(0.87)
    assert found["test/accuracy std"] == pytest.approx(0.01)
    assert found["test/accuracy low"] == pytest.approx(0.87 - 0.024841, abs=1e-6)
    assert found["test/accuracy high"] == pytest.approx(0.87 + 0.024841, abs=1e-6)
    one, three = means(table, "test/accuracy")
    assert one.mean == 0.9
    assert math.isnan(one.half_width)
    assert three.half_width == pytest.approx(0.024841, abs=1e-6)


def test_a_run_without_the_metric_is_no_zero(runs: pd.DataFrame) -> None:
    runs.loc[runs["run_id"] == f"{0:032x}", "metrics.test/accuracy"] = math.nan
    table = settings_table(runs, ["N"], ["test/accuracy", "test/f1"])
    assert table["runs"].tolist() == [1, 3]
    assert table["test/accuracy n"].tolist() == [1, 2]
    assert table["test/accuracy mean"].tolist() == pytest.approx([0.9, 0.875])
    assert table["test/f1 n"].tolist() == [0, 0]
    assert table["test/f1 mean"].isna().all()


def test_no_key_is_one_condition_and_no_run_is_none(runs: pd.DataFrame) -> None:
    assert settings_table(runs, [], ["test/accuracy"])["runs"].tolist() == [4]
    none = settings_table(runs.iloc[:0], ["N"], ["test/accuracy"])
    assert none.empty
    assert none.columns[0] == "N"
    assert settings_table(pd.DataFrame(), ["N"], ["test/accuracy"]).empty


def test_of_a_job_run_twice_the_later_counts(runs: pd.DataFrame) -> None:
    again = pd.DataFrame([row(9, accuracy=0.5, N=20, seed=0), row(10, "FAILED", 0.1, N=20, seed=0)])
    table = settings_table(pd.concat([again, runs], ignore_index=True), ["N"], ["test/accuracy"])
    assert table["test/accuracy mean"].iloc[0] == 0.5
    assert table["runs"].tolist() == [1, 3]


def test_runs_of_no_sweep_all_count() -> None:
    runs = pd.DataFrame([{"run_id": str(i), "status": "FINISHED", "params.seed": "0"} for i in range(3)])
    assert len(finished(runs)) == 3


def test_the_value_of_a_setting() -> None:
    runs = pd.DataFrame(
        [
            {"name": "a", JOB: '{"x": "swept"}', "params.x": "param", "tags.x": "tag"},
            {"name": "b", JOB: "damaged {", "params.x": "param", "tags.resumed.x": "resumed", "tags.x": "tag"},
            {"name": "c", "params.x": "param", "tags.x": "tag"},
            {"name": "d", "tags.x": "tag"},
            {"name": "e"},
        ]
    )
    assert setting(runs, "x").tolist() == ["swept", "resumed", "param", "tag", ""]
    assert setting(runs, "name").tolist() == list("abcde")
    assert setting(runs, "status").tolist() == [""] * 5, "a column of the frame is no setting"


def test_seeds_tell_no_conditions_apart() -> None:
    keys = ["initializer", "seed", "dataset.split_seed", "model.vocab_size", "seeded"]
    assert condition_keys(keys) == ["initializer", "model.vocab_size", "seeded"]


def test_it_is_light() -> None:
    code = (
        "import sys, tokenlayer.comparison.table; print(sorted({'torch', 'mlflow', 'statsmodels'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
