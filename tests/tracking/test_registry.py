"""Models of runs as versions of registered ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import FEATURE_DISABLED, INTERNAL_ERROR, PERMISSION_DENIED
from mlflow.tracking import MlflowClient
from test_logged_model import BEST

from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.logged_model import record_model
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.registry import Registration
from tokenlayer.tracking.syncing import sync

NAME, ALIAS = "reviews of films", "champion"


@pytest.fixture
def record(output_dir: Path) -> Callable[..., str]:
    """A run with a model that is to be registered, and its alias; gives its id."""

    def made(alias: str | None = ALIAS) -> str:
        with Recorder.start(TrackingConfig(), output_dir) as recorder:
            record_model(recorder, replace(BEST, registration=Registration(NAME, alias)))
        return recorder.run_id

    return made


def versions(client: MlflowClient) -> dict[str, ModelVersion]:
    """All versions, by their runs."""
    found = client.search_model_versions(f"name = '{NAME}'")
    assert len({version.run_id for version in found}) == len(found)
    return {str(version.run_id): version for version in found}


def test_a_run_has_a_version_and_the_alias_goes_to_the_later_run(
    record: Callable[..., str], client: MlflowClient
) -> None:
    runs = [record(), record(), record(alias=None)]
    assert [versions(client)[run].version for run in runs] == [1, 2, 3]
    assert client.get_model_version_by_alias(NAME, ALIAS).run_id == runs[1]
    (model,) = client.search_logged_models(["1"], f"source_run_id = '{runs[0]}'")
    assert versions(client)[runs[0]].source == model.artifact_location
    assert model.tags["mlflow.modelVersions"] == f'[{{"name": "{NAME}", "version": 1}}]'


def test_a_run_that_is_sent_again_changes_nothing_and_takes_no_alias_back(
    record: Callable[..., str], output_dir: Path, client: MlflowClient
) -> None:
    first, second = record(), record()
    before = versions(client)
    client.delete_tag(first, "tokenlayer.commits")  # stopped before its mark, the mirror sends all again
    with Recorder.resume(TrackingConfig(), output_dir, first):
        pass
    assert client.get_model_version_by_alias(NAME, ALIAS).run_id == second
    assert {run: version.version for run, version in versions(client).items()} == {
        run: version.version for run, version in before.items()
    }
    (model,) = client.search_logged_models(["1"], f"source_run_id = '{first}'")
    assert model.tags["mlflow.modelVersions"] == f'[{{"name": "{NAME}", "version": 1}}]'


@pytest.mark.parametrize(
    "name", ["create_model_version", "set_logged_model_tags", "set_registered_model_alias", "set_model_version_tag"]
)
def test_a_kill_on_the_way_leaves_one_version_with_its_alias(
    name: str, record: Callable[..., str], output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(MlflowClient, name)

    def killed(*args: object, **kwargs: object) -> object:
        if name == "set_logged_model_tags" and "mlflow.modelVersions" not in args[2]:
            return real(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as kill:
        kill.setattr(MlflowClient, name, killed)
        with pytest.raises(KeyboardInterrupt):
            record()
    (run,) = client.search_runs(["1"])
    sync(run.info.run_id, None, output_dir)
    assert list(versions(client)) == [run.info.run_id]
    assert client.get_model_version_by_alias(NAME, ALIAS).run_id == run.info.run_id


@pytest.mark.parametrize("code", [FEATURE_DISABLED, PERMISSION_DENIED])
def test_a_store_without_a_registry_is_a_warning(
    code: int,
    record: Callable[..., str],
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refused(*_: object) -> None:
        raise MlflowException("no registry here", error_code=code)

    monkeypatch.setattr(MlflowClient, "create_registered_model", refused)
    run_id = record()
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["tokenlayer.commits"].startswith("1 ")
    assert f"the model is not registered as {NAME}: no registry here" in caplog.text


def test_a_registry_that_fails_for_a_while_has_it_later(
    record: Callable[..., str], output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise MlflowException("out of order", error_code=INTERNAL_ERROR)

    with monkeypatch.context() as outage:
        outage.setattr(MlflowClient, "create_registered_model", failing)
        run_id = record()
    sync(run_id, None, output_dir)
    assert client.get_model_version_by_alias(NAME, ALIAS).run_id == run_id


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (TrackingConfig(registered_model="a/b"), "registered_model"),
        (TrackingConfig(registered_model="a:b"), "registered_model"),
        (TrackingConfig(registered_model=" "), "registered_model"),
        (TrackingConfig(registered_model=".."), "registered_model"),
        (TrackingConfig(model_alias="champion"), "model_alias"),
        (TrackingConfig(registered_model="a", model_alias="latest"), "model_alias"),
        (TrackingConfig(registered_model="a", model_alias="V12"), "model_alias"),
        (TrackingConfig(registered_model="a", model_alias="the best"), "model_alias"),
        (TrackingConfig(registered_model="a", model_alias=""), "model_alias"),
    ],
)
def test_names_that_mlflow_would_refuse_are_refused_before(config: TrackingConfig, field: str) -> None:
    assert [named for named, _ in config.problems()] == [field]


def test_names_that_mlflow_takes(client: MlflowClient) -> None:
    for name, alias in (("reviews of films, 2%", "best-of_2026"), ("…", "v1a")):
        assert list(TrackingConfig(registered_model=name, model_alias=alias).problems()) == []
        client.create_registered_model(name)
        client.create_model_version(name, "somewhere")
        client.set_registered_model_alias(name, alias, "1")
