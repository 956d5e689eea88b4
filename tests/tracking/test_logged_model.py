from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities import LoggedModel, LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND
from mlflow.tracking import MlflowClient

from tokenlayer.tracking import logged_model, mirror
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.logged_model import MODEL_TAG, ModelDescription, model_name, record_model
from tokenlayer.tracking.recorder import Recorder

BEST = ModelDescription(
    name="small",
    checkpoint="checkpoints/best.ckpt",
    step=34,
    params={"model.vocab_size": "30"},
    metrics=[("test/accuracy", 0.75, 2000, 33), ("validation/loss", 0.5, 1000, 33)],
    dataset=("reviews.csv", "f" * 36),
)


def model_of(client: MlflowClient, run_id: str) -> LoggedModel:
    """The only model of the run."""
    run = client.get_run(run_id)
    (model,) = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run_id}'")
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    assert run.data.tags[MODEL_TAG] == model.model_id
    return model


def test_the_model_has_its_figures_and_names_its_checkpoint(recorder: Recorder, client: MlflowClient) -> None:
    with recorder:
        recorder.log_metrics({"validation/loss": 0.5}, 33)
        record_model(recorder, BEST)
    model = model_of(client, recorder.run_id)
    assert (model.name, model.status, model.params) == ("small", LoggedModelStatus.READY, {"model.vocab_size": "30"})
    assert model.tags["tokenlayer.checkpoint"] == f"runs:/{recorder.run_id}/checkpoints/best.ckpt"
    figures = {(m.key, m.value, m.timestamp, m.step, m.dataset_name, m.dataset_digest) for m in model.metrics}
    assert figures == {(*row, *BEST.dataset) for row in BEST.metrics}
    assert client.get_metric_history(recorder.run_id, "test/accuracy")[0].step == 33


def test_a_run_that_goes_on_keeps_its_model(recorder: Recorder, output_dir: Path, client: MlflowClient) -> None:
    with recorder:
        record_model(recorder, BEST)
    before = model_of(client, recorder.run_id)
    for later in (BEST, replace(BEST, step=68, metrics=[("test/accuracy", 0.8, 3000, 67)])):
        client.delete_tag(recorder.run_id, mirror.COMMIT_TAG)  # stopped before its mark, the mirror sends all again
        with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
            record_model(again, later)
    model = model_of(client, recorder.run_id)
    assert model.model_id == before.model_id
    assert model.tags["tokenlayer.step"] == "68"
    assert {(m.key, m.value) for m in model.metrics} == {("test/accuracy", 0.8), ("validation/loss", 0.5)} | {
        ("test/accuracy", 0.75)
    }


@pytest.mark.parametrize(
    "name", ["set_tag", "set_logged_model_tags", "log_batch", "log_outputs", "finalize_logged_model"]
)
def test_a_kill_on_the_way_leaves_one_model(
    name: str, recorder: Recorder, output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(MlflowClient, name)

    def killed(*args: object, **kwargs: object) -> object:
        if name == "set_tag" and MODEL_TAG not in args:
            return real(*args, **kwargs)
        raise KeyboardInterrupt

    record_model(recorder, BEST)
    with monkeypatch.context() as kill:
        kill.setattr(MlflowClient, name, killed)
        with pytest.raises(KeyboardInterrupt):
            recorder.finish("FINISHED")
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id):
        pass
    model = model_of(client, recorder.run_id)
    assert model.status == LoggedModelStatus.READY
    assert len(model.metrics) == len(BEST.metrics)


def test_a_server_without_models_gets_the_rest_of_the_run(
    recorder: Recorder, client: MlflowClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise MlflowException("no such endpoint", error_code=ENDPOINT_NOT_FOUND)

    monkeypatch.setattr(MlflowClient, "search_logged_models", missing)
    with recorder:
        record_model(recorder, BEST)
    assert client.get_run(recorder.run_id).info.status == "FINISHED"
    assert "MLflow has no model of this run: no such endpoint" in caplog.text


def test_a_model_that_somebody_deleted_is_not_made_again(
    recorder: Recorder, output_dir: Path, client: MlflowClient
) -> None:
    with recorder:
        record_model(recorder, BEST)
    client.delete_logged_model(model_of(client, recorder.run_id).model_id)
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        record_model(again, replace(BEST, step=68))
    run = client.get_run(recorder.run_id)
    assert run.info.status == "FINISHED"
    assert client.search_logged_models([run.info.experiment_id]) == []


def test_names_that_mlflow_takes() -> None:
    assert model_name("reviews.csv-a/b:c 50% 'x'") == "reviews_csv-a_b_c_50_x"
    assert model_name("…/") == "…"
    assert model_name("./") == logged_model._MODEL_TYPE
