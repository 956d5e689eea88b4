import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError
from tokenlayer.tracking import reading, runs
from tokenlayer.tracking.artifacts import add_artifact
from tokenlayer.tracking.chosen_runs import choose_runs
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.listing import list_runs
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.syncing import sync


@pytest.fixture
def run_id(output_dir: Path) -> str:
    config = TrackingConfig(run_name="first", tags={"purpose": "reading"})
    with Recorder.start(config, output_dir) as recorder:
        recorder.log_params({"seed": 0})
        for step in range(6):
            recorder.append("logs/grads_log", {"step": step, "x": step / 2})
            recorder.append("logs/patterns_log", {"step": step, "neuron": [0, 1], "pattern": ["a█", "b█"]})
            recorder.log_metrics({"train/loss": math.nan if step == 4 else 1.0 / (step + 1)}, step)
            if step % 2:
                recorder.commit(step + 1)
        recorder.artifact("config/resolved.yaml").write_text("seed: 0\nmodel:\n  vocab_size: 500\n")
    return recorder.run_id


def test_runs_as_a_frame(run_id: str, output_dir: Path) -> None:
    with pytest.raises(RuntimeError), Recorder.start(TrackingConfig(experiment="other"), output_dir):
        raise RuntimeError
    frame = reading.find_runs(output_dir=output_dir)
    assert frame["status"].tolist() == ["FAILED", "FINISHED"]
    row = reading.find_runs(output_dir=output_dir, experiment="tokenlayer").iloc[0]
    assert (row["run_id"], row["name"], row["tags.purpose"]) == (run_id, "first", "reading")
    assert (row["params.seed"], row["metrics.train/loss"]) == ("0", pytest.approx(1 / 6))
    assert row["start"] <= row["end"]
    assert reading.find_runs(output_dir=output_dir, where="params.seed = '1'").empty
    assert len(reading.find_runs(output_dir=output_dir, where="metrics.`train/loss` < 0.2")) == 1
    with pytest.raises(InputError, match="filter 'seed is 0' does not work"):
        reading.find_runs(output_dir=output_dir, where="seed is 0")
    with pytest.raises(InputError, match=r"no experiment 'tokenlayr' .* did you mean tokenlayer\?"):
        reading.find_runs(output_dir=output_dir, experiment="tokenlayr")


def test_more_runs_than_a_page_holds(output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_PAGE", 2)
    experiment = client.create_experiment("many")
    ids = {client.create_run(experiment).info.run_id for _ in range(5)}
    assert set(reading.find_runs(output_dir=str(output_dir))["run_id"]) == ids


def test_logs_and_metrics_in_the_order_of_steps(run_id: str, output_dir: Path) -> None:
    log = reading.load_log(run_id, output_dir=output_dir)
    assert log["step"].tolist() == [0, 1, 2, 3, 4, 5]
    assert log["x"].tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    patterns = reading.load_patterns(run_id, uri=f"sqlite:///{output_dir}/mlflow.db")
    assert len(patterns) == 12
    assert patterns["pattern"].tolist()[:2] == ["a█", "b█"]
    history = reading.metric_history(run_id, "train/loss", output_dir=output_dir)
    assert history["step"].tolist() == [0, 1, 2, 3, 4, 5]
    assert history["value"].isna().tolist() == [False] * 4 + [True, False]
    pd.testing.assert_frame_equal(reading.load_log(run_id, "logs/grads_log", output_dir=output_dir), log)


def test_artifacts(run_id: str, output_dir: Path, tmp_path: Path) -> None:
    assert reading.load_resolved_config(run_id, output_dir=output_dir) == {
        "seed": 0,
        "model": {"vocab_size": 500},
    }
    copied = reading.download_artifact(run_id, "logs", target=tmp_path / "copy", output_dir=output_dir)
    assert copied == tmp_path / "copy" / "logs"
    assert len(list(copied.rglob("*.parquet"))) == 6


def test_what_is_not_there_is_told_with_near_names(run_id: str, output_dir: Path) -> None:
    with pytest.raises(InputError, match=r"no table 'grad_log'; did you mean grads_log"):
        reading.load_log(run_id, "grad_log", output_dir=output_dir)
    with pytest.raises(InputError, match=r"no metric 'train/los'; did you mean train/loss\?"):
        reading.metric_history(run_id, "train/los", output_dir=output_dir)
    with pytest.raises(InputError, match=r"no artifact 'config/resolvd.yaml'; did you mean config/resolved.yaml"):
        reading.download_artifact(run_id, "config/resolvd.yaml", output_dir=output_dir)
    with pytest.raises(InputError, match="there is no run 'x'"):
        reading.load_log("x", output_dir=output_dir)


def test_reading_makes_no_store(tmp_path: Path) -> None:
    reads: list[Callable[[], object]] = [
        lambda: reading.find_runs(output_dir=tmp_path),
        lambda: reading.load_log("x", output_dir=tmp_path),
        lambda: reading.metric_history("x", "train/loss", output_dir=tmp_path),
        lambda: reading.download_artifact("x", "logs", output_dir=tmp_path),
        lambda: reading.find_run_params("x", output_dir=tmp_path),
        lambda: list_runs(None, tmp_path, "", 20),
        lambda: sync("x", None, tmp_path),
        lambda: add_artifact("x", Path(__file__), "notes", uri=None, output_dir=tmp_path),
        lambda: choose_runs([], "", None, tmp_path),
    ]
    for read in reads:
        with pytest.raises(InputError, match="there is no such database"):
            read()
    assert not list(tmp_path.iterdir())
