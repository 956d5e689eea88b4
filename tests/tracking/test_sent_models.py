"""The files of a run's model in MLflow, which come and go with the commits of the run."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR
from mlflow.tracking import MlflowClient
from test_logged_model import BEST, model_of

from tokenlayer.tracking import lease, mirror
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.logged_model import record_model
from tokenlayer.tracking.pruning import prune
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.syncing import sync

FIRST = {"MLmodel": "first", "weights.ckpt": "weights of step 34", "code/package.whl": "code"}
LATER = FIRST | {"weights.ckpt": "weights of step 68"}


def record(recorder: Recorder, contents: dict[str, str], step: int = 34) -> None:
    """Record a model of these files."""
    made = recorder.scratch / "made"
    for name, content in contents.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    record_model(recorder, replace(BEST, step=step), made)


def files_of(client: MlflowClient, run_id: str) -> dict[str, str]:
    """What MLflow has of the model, by name."""
    folder = Path(str(model_of(client, run_id).artifact_location).removeprefix("file://"))
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_the_models_and_not_the_runs(
    recorder: Recorder, client: MlflowClient, artifacts: Callable[[str], Path]
) -> None:
    with recorder:
        record(recorder, FIRST)
    assert files_of(client, recorder.run_id) == FIRST
    listed = client.list_logged_model_artifacts(model_of(client, recorder.run_id).model_id)
    assert [file.path for file in listed] == ["MLmodel", "code", "weights.ckpt"]
    assert [path.name for path in (artifacts(recorder.run_id) / "model").rglob("*")] == ["logged_model.json"]


def test_a_better_model_takes_the_place_of_the_files_and_the_same_one_changes_nothing(
    recorder: Recorder, output_dir: Path, client: MlflowClient
) -> None:
    with recorder:
        record(recorder, FIRST)
    for contents, step, is_new in ((FIRST, 34, False), (LATER, 68, True)):
        client.delete_tag(recorder.run_id, mirror.COMMIT_TAG)  # stopped before its mark, the mirror sends all again
        with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
            record(again, contents, step)
        changed = {name for name in again._commits[-1].files if name.startswith("model/")}
        assert changed == ({"model/logged_model.json", "model/files/weights.ckpt"} if is_new else set())
        assert files_of(client, recorder.run_id) == contents


@pytest.mark.promise("SIGKILL while the model is sent", "the resumed run has one model, with all of its files")
@pytest.mark.parametrize("nth", [0, 2])
def test_a_kill_on_the_way_loses_no_file(
    nth: int, recorder: Recorder, output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = MlflowClient.log_model_artifact, iter(range(10))

    def killed(*args: object) -> object:
        if next(calls) == nth:
            raise KeyboardInterrupt
        return real(*args)

    record(recorder, FIRST)
    with monkeypatch.context() as kill:
        kill.setattr(MlflowClient, "log_model_artifact", killed)
        with pytest.raises(KeyboardInterrupt):
            recorder.finish("FINISHED")
    assert model_of_any(client, recorder.run_id).status == "PENDING"
    sync(recorder.run_id, None, output_dir)
    assert files_of(client, recorder.run_id) == FIRST
    assert model_of_any(client, recorder.run_id).status == "READY"


def model_of_any(client: MlflowClient, run_id: str) -> object:
    """The only model of the run, whose run may not know it yet."""
    (model,) = client.search_logged_models([client.get_run(run_id).info.experiment_id])
    return model


@pytest.mark.promise("MLflow is gone when the model is recorded", "tokenlayer sync sends it")
def test_what_could_not_be_sent_is_sent_later(
    recorder: Recorder, output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        for module in (mirror, lease):
            outage.setattr(module, "why_away", lambda uri: "pulled the plug")
        with recorder:
            record(recorder, FIRST)
            recorder.commit(34)
            record(recorder, LATER, 68)
    assert client.search_logged_models([recorder.experiment_id]) == []
    sync(recorder.run_id, None, output_dir)
    assert files_of(client, recorder.run_id) == LATER


def test_a_file_that_is_not_kept_is_sent_again(
    recorder: Recorder, output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as proxy:
        proxy.setattr(MlflowClient, "log_model_artifact", lambda *args: None)
        with recorder:
            record(recorder, FIRST)
    sync(recorder.run_id, None, output_dir)
    assert files_of(client, recorder.run_id) == FIRST


def test_the_local_copy_goes_and_comes_back_from_mlflow(
    recorder: Recorder, output_dir: Path, client: MlflowClient
) -> None:
    with recorder:
        record(recorder, FIRST)
    assert [copy.kept for copy in prune(None, output_dir)] == [None]
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        found = {name: (again.directory / "model/files" / name).read_text() for name in FIRST}
    assert found == FIRST


def test_the_local_copy_stays_where_a_file_of_the_model_is_damaged_in_mlflow(
    recorder: Recorder, output_dir: Path, client: MlflowClient
) -> None:
    with recorder:
        record(recorder, FIRST)
    folder = Path(str(model_of(client, recorder.run_id).artifact_location).removeprefix("file://"))
    (folder / "weights.ckpt").write_text("weights of step 35")
    (kept,) = (copy.kept for copy in prune(None, output_dir))
    assert kept == "the store's model/files/weights.ckpt is gone, or not what was recorded"


def test_files_that_are_gone_everywhere_are_recorded_again(
    recorder: Recorder, output_dir: Path, client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    with recorder:
        record(recorder, FIRST)
    folder = Path(str(model_of(client, recorder.run_id).artifact_location).removeprefix("file://"))
    shutil.rmtree(folder)
    shutil.rmtree(recorder.directory / "model" / "files")
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        record(again, FIRST | {"MLmodel": "second"})
    assert "damaged or gone here and in MLflow: model/files/MLmodel" in caplog.text
    assert files_of(client, recorder.run_id) == FIRST | {"MLmodel": "second"}


def test_a_model_that_somebody_deleted_keeps_nobody_from_resuming(
    recorder: Recorder, output_dir: Path, client: MlflowClient
) -> None:
    with recorder:
        record(recorder, FIRST)
    client.delete_logged_model(model_of(client, recorder.run_id).model_id)
    shutil.rmtree(recorder.root)
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        record(again, LATER, 68)
    assert client.get_run(recorder.run_id).info.status == "FINISHED"


def test_a_store_that_fails_for_a_while_has_it_later(
    recorder: Recorder, output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise MlflowException("out of order", error_code=INTERNAL_ERROR)

    with monkeypatch.context() as outage:
        outage.setattr(MlflowClient, "log_model_artifact", failing)
        with recorder:
            record(recorder, FIRST)
    sync(recorder.run_id, None, output_dir)
    assert files_of(client, recorder.run_id) == FIRST
