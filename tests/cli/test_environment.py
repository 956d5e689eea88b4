from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenlayer.cli import environment
from tokenlayer.cli.environment import take_experiment
from tokenlayer.cli.main import main
from tokenlayer.cli.train import complete
from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.training.config import TrainConfig


@pytest.fixture(autouse=True)
def said_once() -> Iterator[None]:
    environment._say.cache_clear()
    yield
    environment._say.cache_clear()


def resolved(*texts: str) -> object:
    with composing("train") as composer:
        (job,) = check(composer, texts, Spec(TrainConfig, complete), multirun=False)
    return job.resolved["tracking"]["experiment"], job.resolved["tracking"]["uri"]


def test_nothing_is_said_of_an_environment_that_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert resolved() == ("tokenlayer", None)
    assert capsys.readouterr().err == ""


def test_what_is_taken_is_told_once_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter@host:5000")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    assert resolved() == ("mine", None)
    assert resolved() == ("mine", None)
    assert capsys.readouterr().err.splitlines() == [
        "MLFLOW_TRACKING_URI: the store is http://***@host:5000",
        "MLFLOW_EXPERIMENT_NAME: the experiment is mine",
    ]


@pytest.mark.parametrize(
    ("line", "experiment"), [("experiment=quickstart", "quickstart"), ("tracking.experiment=given", "given")]
)
def test_what_the_command_line_names_comes_first(
    line: str, experiment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    assert resolved(line, "tracking=local", "tracking.experiment=x") == ("x", "local")
    assert resolved(line, "tracking.uri=http://other:1") == (experiment, "http://other:1")
    assert capsys.readouterr().err.splitlines() == [
        "MLFLOW_EXPERIMENT_NAME=mine is not used: the experiment is x",
        f"MLFLOW_EXPERIMENT_NAME=mine is not used: the experiment is {experiment}",
    ]


def test_a_section_that_is_none_is_left_to_the_check() -> None:
    assert take_experiment({"tracking": None}) == {"tracking": None}


def test_a_bad_address_is_told_before_any_data_is_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    line = ["train", "dataset=table", "dataset.source=none.csv", "dataset.text_column=t", "dataset.label_column=l"]
    assert main([*line, f"output_dir={tmp_path}"]) == 2
    said = capfd.readouterr().err
    assert "MLFLOW_TRACKING_URI='./mlruns' names a folder" in said
    assert "Traceback" not in said
