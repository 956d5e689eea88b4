import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import alembic.command
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError
from tokenlayer.tracking import store as store_module
from tokenlayer.tracking import uri as uri_module
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.reading import find_runs
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.store import open_store
from tokenlayer.tracking.uri import resolve_uri

OTHERS = ["ftp://x/y", "databricks", "http://", "http://host:port", "postgresql://host:x/db"]


@pytest.fixture
def quick_stores() -> None:
    """Stores are made here, not copied."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "uri",
    [
        "runs",
        "file:///tmp/mlruns",
        "./mlruns",
        "",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "ftp://x/y",
        "databricks",
        "http://",
        "http://host:port",
        "postgresql://host:x/db",
    ],
)
def test_uris_that_cannot_work_are_told_before_anything_is_made(uri: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tracking\.uri=") as raised:
        Recorder.start(TrackingConfig(uri=uri), tmp_path / "outputs")
    assert "sqlite:////absolute/path.db" in str(raised.value)
    assert list(tmp_path.iterdir()) == []
    assert [field for field, _ in TrackingConfig(uri=uri).problems()] == ["uri"]


def test_config_problems() -> None:
    assert list(TrackingConfig().problems()) == []
    assert [field for field, _ in TrackingConfig("???", " ", "").problems()] == [
        "uri",
        "experiment",
        "run_name",
    ]


def test_relative_sqlite_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_uri("sqlite:///runs.db", tmp_path) == f"sqlite:///{tmp_path}/runs.db"
    assert resolve_uri("sqlite:////a/b.db", tmp_path) == "sqlite:////a/b.db"
    assert resolve_uri(None, Path("out")) == f"sqlite:///{tmp_path}/out/mlflow.db"
    assert resolve_uri("http://host:5000/", tmp_path) == "http://host:5000"


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:hunter/two@host:5000",
        "http://me:hun#ter?two@host:5000",
        "http://me:12/hunter@host:5000",
        "http://me:hun[ter@host:5000",
        "postgresql://me:hunter@two@host/db",
        "postgresql://me:hunter two@host:port/db",
        "ftp://me:hunter@host/db",
        "me:hunter@host:5000",
        "sqlite://me:hunter@host/db",
        "file:///x?password=hunter",
    ],
)
def test_an_address_that_cannot_work_is_told_without_its_password(uri: str, tmp_path: Path) -> None:
    ((field, told),) = TrackingConfig(uri=uri).problems()
    assert field == "uri"
    assert "***" in told
    assert "hunter" not in told
    assert "two" not in told
    with pytest.raises(InputError) as raised:
        resolve_uri(uri, tmp_path)
    assert "hunter" not in str(raised.value)


def test_percent_encoded_passwords_are_none_of_our_business(tmp_path: Path) -> None:
    uri = "postgresql://me:hun%2Fter%40two@host:5432/db?sslmode=require"
    assert resolve_uri(uri, tmp_path) == uri
    assert list(TrackingConfig(uri=uri).problems()) == []


def test_a_masked_address_is_answered_by_how_to_give_the_real_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\*\*\*.* which no run records: .*MLFLOW_TRACKING_URI"):
        resolve_uri("http://***@host:5000", tmp_path)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{}", "postgresql://me:secret@127.0.0.1:{}/runs"])
def test_nobody_there_at_the_start(uri: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=r"does not answer .*start the server.*tracking=local") as raised:
        Recorder.start(TrackingConfig(uri=uri.format(free_port())), tmp_path / "outputs")
    assert time.monotonic() - began < 5
    assert "secret" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uri_module, "ANSWER_SECONDS", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(InputError, match=r"no answer within 0\.2 s"),
    ):
        open_store(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)


def test_files_that_are_no_database_and_folders_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to look like one")
    with pytest.raises(InputError, match="no SQLite database"):
        open_store(f"sqlite:///{tmp_path}/text", tmp_path)
    with pytest.raises(InputError, match="cannot write there"):
        open_store(f"sqlite:///{tmp_path}/text/below/mlflow.db", tmp_path)
    with pytest.raises(InputError, match="no such database"):
        open_store(f"sqlite:///{tmp_path}/absent.db", tmp_path, create=False)
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(InputError, match="cannot write there"):
        open_store(f"sqlite:///{tmp_path}/closed/mlflow.db", tmp_path)


def test_the_environment_comes_between_what_is_given_and_the_default(
    output_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path
) -> None:
    named = f"sqlite:///{tmp_path}/named.db"
    shutil.copyfile(empty_database, tmp_path / "named.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    with Recorder.start(TrackingConfig(), output_dir) as recorder:
        recorder.artifact("note.txt").write_text("x")
    assert recorder.uri == named
    assert find_runs(output_dir=output_dir)["experiment"].tolist() == ["mine"]
    with Recorder.start(TrackingConfig(uri="local", experiment="given"), output_dir) as recorder:
        pass
    assert recorder.uri == f"sqlite:///{output_dir}/mlflow.db"
    assert find_runs("local", output_dir=output_dir)["experiment"].tolist() == ["given"]
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.setenv(name, " ")  # MLflow takes an empty one for none
    with Recorder.start(TrackingConfig(), output_dir) as recorder:
        pass
    assert set(find_runs(output_dir=output_dir)["experiment"]) == {"given", "tokenlayer"}


@pytest.mark.parametrize("uri", ["./mlruns", "databricks", "http://me:hun/ter@host"])
def test_an_address_of_the_environment_that_cannot_work_is_named_by_its_variable(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(InputError, match=r"^MLFLOW_TRACKING_URI='.*; or unset it, or give tracking=local$") as raised:
        open_store(None, tmp_path)
    assert "hun" not in str(raised.value)


def test_experiments_keep_their_artifacts_beside_the_database(output_dir: Path, client: MlflowClient) -> None:
    store = open_store(None, output_dir)
    first = store.experiment_id("group/my experiment")
    assert store.experiment_id("group/my experiment") == first
    location = client.get_experiment(first).artifact_location
    assert location == (output_dir / "artifacts" / "group_my_experiment").as_uri()
    client.delete_experiment(first)
    with pytest.raises(InputError, match=f"restore --experiment-id {first}"):
        store.experiment_id("group/my experiment")


def test_a_store_whose_making_was_cut_short_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(alembic.command, "upgrade", cut_short)
        with pytest.raises(KeyboardInterrupt):
            open_store(None, tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    store = open_store(None, tmp_path)
    assert store.experiment_id("tokenlayer")
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlflow.db.lock"}
    default = store.client.get_experiment_by_name("Default")
    assert default is not None
    assert default.artifact_location.startswith((tmp_path / "artifacts").as_uri())


def test_processes_that_open_a_new_store_at_once(tmp_path: Path, forked: Callable[..., list[int]]) -> None:
    assert forked("whole", tmp_path, times=3) == [0, 0, 0]
    client = open_store(None, tmp_path, create=False).client
    experiment = client.get_experiment_by_name("tokenlayer")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * 3


@pytest.mark.parametrize(
    ("given", "told"), [({}, "asks for credentials"), ({"MLFLOW_TRACKING_TOKEN": "x"}, "in MLFLOW_TRACKING_TOKEN")]
)
def test_a_server_that_lets_nobody_in_says_what_to_set(
    given: dict[str, str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **settings: object) -> None:
        raise MlflowException("no", error_code=PERMISSION_DENIED)

    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(store_module, "check_answers", lambda uri: None)
    monkeypatch.setattr(MlflowClient, "search_experiments", refuse)
    with pytest.raises(InputError, match=rf"^tracking\.uri=http://\*\*\*@host .*{told}: set MLFLOW_TRACKING_USERNAME"):
        open_store("http://me:pw@host", tmp_path)


def test_a_database_that_lets_nobody_in_says_why() -> None:
    pytest.importorskip("psycopg")
    why = uri_module._why_silent(f"postgresql+psycopg://me:hunter@127.0.0.1:{free_port()}/runs")
    assert why is not None
    assert "127.0.0.1" in why
    assert "hunter" not in why
    assert "\n" not in why
