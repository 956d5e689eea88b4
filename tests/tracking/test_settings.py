"""The settings of a run that is to be resumed, wherever they are whole."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.settings import OVERRIDES, RESOLVED, load_settings
from tokenlayer.tracking.store import open_store

TEXTS = {RESOLVED: "seed: 0\n", OVERRIDES: "- seed=0\n- 1\n"}


def recorded(output_dir: Path, texts: dict[str, str]) -> Recorder:
    with Recorder.start(TrackingConfig(), output_dir, run_name="mine", texts=texts) as recorder:
        pass
    return recorder


def loaded(output_dir: Path, named: str) -> tuple[str, object, list[str]]:
    return load_settings(open_store(None, output_dir), named, output_dir)


@pytest.mark.parametrize("lost", ["nothing", "the local file", "the local folder", "MLflow's copy"])
def test_they_are_read_where_they_are_whole(lost: str, output_dir: Path, artifacts: Callable[[str], Path]) -> None:
    recorder = recorded(output_dir, TEXTS)
    if lost == "the local file":
        (recorder.directory / RESOLVED).write_text("seed: 7\n")
    elif lost == "the local folder":
        shutil.rmtree(recorder.root)
    elif lost == "MLflow's copy":
        shutil.rmtree(artifacts(recorder.run_id) / "config")
    for named in (recorder.run_id, recorder.run_id[:12], "mine"):
        assert loaded(output_dir, named) == (recorder.run_id, {"seed": 0}, ["seed=0", "1"])


def test_a_folder_that_is_behind_is_not_believed(output_dir: Path, tmp_path: Path) -> None:
    recorder = recorded(output_dir, TEXTS)
    shutil.copytree(recorder.root, tmp_path / "old")
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        again.write_texts({RESOLVED: "seed: 5\n"})
    shutil.rmtree(recorder.root)
    shutil.copytree(tmp_path / "old", recorder.root)
    assert loaded(output_dir, recorder.run_id)[1] == {"seed": 5}


def test_damaged_on_both_sides_is_told(output_dir: Path, artifacts: Callable[[str], Path]) -> None:
    recorder = recorded(output_dir, TEXTS)
    for folder in (recorder.directory, artifacts(recorder.run_id)):
        (folder / RESOLVED).write_text("seed: 7\n")
    with pytest.raises(InputError, match=rf"run {recorder.run_id}: {RESOLVED} is damaged or gone in .* and in sqlite"):
        loaded(output_dir, recorder.run_id)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({RESOLVED: "seed: 0\n"}, f"has recorded no {OVERRIDES}: it cannot be resumed"),
        (TEXTS | {RESOLVED: "- 1\n"}, "holds no settings"),
        (TEXTS | {OVERRIDES: "seed: 0\n"}, "holds no settings"),
    ],
)
def test_what_are_no_settings_is_told(texts: dict[str, str], told: str, output_dir: Path) -> None:
    with pytest.raises(InputError, match=told):
        loaded(output_dir, recorded(output_dir, texts).run_id)


def test_no_overrides_are_none(output_dir: Path) -> None:
    assert loaded(output_dir, recorded(output_dir, TEXTS | {OVERRIDES: "\n"}).run_id)[2] == []


def test_a_run_of_another_program_is_told(output_dir: Path, client: MlflowClient) -> None:
    with pytest.raises(InputError, match="was not recorded by tokenlayer"):
        loaded(output_dir, client.create_run("0").info.run_id)
