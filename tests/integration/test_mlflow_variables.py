"""MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME, through the commands."""

import shlex
import shutil
import sys
from pathlib import Path

import pytest
from tiny_runs import TEXTS, TINY

from tokenlayer import find_runs
from tokenlayer.cli import environment
from tokenlayer.cli.main import main

FEW = ["trainer.max_epochs=1", "trainer.max_steps=3", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1"]


def test_all_commands_find_the_run(
    output_dir: Path,
    tmp_path: Path,
    empty_database: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copyfile(empty_database, tmp_path / "named.db")
    named = f"sqlite:///{tmp_path}/named.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    monkeypatch.setattr(sys, "argv", ["tokenlayer"])
    environment._say.cache_clear()
    place = f"output_dir={output_dir}"
    assert main(["train", *TINY, *FEW, place]) == 0
    told, said = capfd.readouterr()
    assert said.count(f"MLFLOW_TRACKING_URI: the store is {named}") == 1
    assert said.count("MLFLOW_EXPERIMENT_NAME: the experiment is mine") == 1
    (run,) = find_runs(named).to_dict("records")
    assert (run["params.tracking.experiment"], run["params.tracking.uri"]) == ("mine", "None")
    assert find_runs("local", output_dir=output_dir).empty
    command = next(line for line in told.splitlines() if line.startswith("look at it with: "))
    assert shlex.split(command)[-6:-2] == ["--run", run["run_id"], "--tracking-uri", named]

    assert main(["explain", run["run_id"], "a text", place]) == 0
    assert main(["sync", run["run_id"], place]) == 0
    assert main(["evaluate", run["run_id"], place]) == 0
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "other")
    assert main(["baseline", *TEXTS, place]) == 0
    assert sorted(find_runs(named)["experiment"]) == ["mine", "mine", "other"]

    capfd.readouterr()
    assert main(["explain", run["run_id"], "a text", place, "tracking=local"]) == 2
    assert f"there is no run '{run['run_id']}' in sqlite:///{output_dir}/mlflow.db" in capfd.readouterr().err
