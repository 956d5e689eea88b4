import os
import shutil
import sys

import pytest

from tokenlayer.cli import ui
from tokenlayer.errors import InputError
from tokenlayer.tracking import ui_view


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What would take the place of this process."""
    lines = []

    def execve(program, line, environment):
        lines.append((program, line, environment))
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.chdir(tmp_path)
    return lines


def test_serves_the_store_of_the_output_folder(started, tmp_path, capsys):
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/mlflow.db").touch()
    with pytest.raises(SystemExit):
        ui.main(["--port", "5050"])
    ((program, line, environment),) = started
    assert program == sys.executable
    assert line[1:4] == ["-m", "mlflow", "ui"]
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/outputs/mlflow.db"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert line[-1] == "5050"
    assert "http://127.0.0.1:5050/" in capsys.readouterr().out


def test_jobs_of_the_server_can_be_wanted(started, tmp_path, monkeypatch):
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/mlflow.db").touch()
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "true")
    with pytest.raises(SystemExit):
        ui.main([])
    assert started[0][2]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "true"


@pytest.mark.parametrize("form", ["tracking.uri={}", "--tracking-uri={}", "--uri={}"])
def test_serves_a_named_store(started, tmp_path, form):
    (tmp_path / "other.db").touch()
    uri = f"sqlite:///{tmp_path}/other.db"
    with pytest.raises(SystemExit):
        ui.main([form.format(uri)])
    assert started[0][2]["MLFLOW_BACKEND_STORE_URI"] == uri


@pytest.mark.parametrize("form", ["tracking.uri={}", "tracking=server"])
def test_a_password_is_in_the_environment_alone(started, monkeypatch, capsys, form):
    uri = "postgresql://me:hunter@127.0.0.1/runs"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(SystemExit):
        ui.main([form.format(uri)])
    ((_, line, environment),) = started
    assert environment["MLFLOW_BACKEND_STORE_URI"] == uri
    assert "hunter" not in " ".join(line)
    told = capsys.readouterr().out
    assert "shows postgresql://***@127.0.0.1/runs;" in told


def test_the_environment_is_asked_for_where_it_names_no_server(started, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(InputError, match="tracking=server: set MLFLOW_TRACKING_URI"):
        ui.main(["tracking=server"])


def test_no_store_yet(started, tmp_path):
    with pytest.raises(InputError, match="no runs are recorded here yet; train first"):
        ui.main([])
    assert not (tmp_path / "outputs").exists()
    assert started == []


def test_a_server_has_its_own_page(started):
    with pytest.raises(InputError, match=r"^http://\*\*\*@example.org:5000 is a .* open that in the browser"):
        ui.main(["--uri", "http://me:hunter@example.org:5000"])


def test_pages_are_listed_and_names_are_harmless(started, tmp_path, empty_database, capsys, monkeypatch):
    from mlflow.tracking import MlflowClient  # noqa: PLC0415  # the other tests need not wait for it

    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    for start, name in enumerate(["evil \x1b[2J http://me:hunter@example.org", "plain"]):
        client.create_run(client.create_experiment(name), start_time=1000 + start)
    monkeypatch.setattr(ui_view, "CHECKED_WITH", "0.0")
    with pytest.raises(SystemExit):
        ui.main([f"--output-dir={tmp_path}"])
    told = capsys.readouterr()
    first, second = told.out.splitlines()
    assert first.startswith("http://127.0.0.1:5000/#/experiments/2/runs?workflowType=machine_learning&")
    assert first.endswith(f"shows sqlite:///{tmp_path}/mlflow.db; Ctrl-C ends it")
    assert second.startswith("  experiment evil ")
    assert "http://127.0.0.1:5000/#/experiments/1/runs?" in second
    assert "\x1b" not in second
    assert "hunter" not in second
    assert told.err.splitlines()[-1].startswith(
        "MLflow's pages are shown as they are: views were tried with MLflow 0.0, and "
    )
