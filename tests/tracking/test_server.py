"""A real MLflow server over HTTP: the whole run, and one during which the server goes away and comes back."""

import logging
import math
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tokenlayer.errors import InputError
from tokenlayer.tracking import reading
from tokenlayer.tracking.artifacts import add_artifact
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.recorder import Recorder

pytestmark = pytest.mark.services


class Server:
    """`mlflow server` on a port of its own, to be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--backend-store-uri", f"sqlite:///{self._folder}/server.db", "--host", "127.0.0.1"]
        options += ["--artifacts-destination", str(self._folder / "stored"), "--port", str(self.port)]
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", *options]
        without_jobs = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self._process = subprocess.Popen(command, cwd=self._folder, env=without_jobs, start_new_session=True)
        for _ in range(120):
            try:
                requests.get(f"{self.uri}/health", timeout=1)
                return
            except requests.RequestException:
                time.sleep(0.5)
        raise TimeoutError("mlflow server does not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    server.start()
    yield server
    server.stop()


def train(recorder: Recorder, start: int, stop: int) -> None:
    for step in range(start, stop):
        recorder.append("logs/grads_log", {"step": step, "x": step / 2})
        recorder.log_metrics({f"grads/c{i}": step + i for i in range(40)} | {"nan": math.nan}, step)
    path = recorder.checkpoints / f"step_{stop:08d}.ckpt"
    path.write_bytes(b"weights of step %d" % stop)
    recorder.commit(stop, path, ["checkpoints/last.ckpt"])


def check(recorder: Recorder, uri: str, stop: int) -> None:
    assert reading.load_log(recorder.run_id, uri=uri)["step"].tolist() == list(range(stop))
    history = reading.metric_history(recorder.run_id, "grads/c39", uri=uri)
    assert history["value"].tolist() == [step + 39 for step in range(stop)]
    assert reading.metric_history(recorder.run_id, "nan", uri=uri)["value"].isna().all()
    assert reading.find_runs(uri)["status"].tolist() == ["FINISHED"]
    assert (
        reading.download_artifact(recorder.run_id, "checkpoints/last.ckpt", uri=uri).read_bytes()
        == b"weights of step %d" % stop
    )


def test_a_run_over_http_and_its_return_from_the_server(server: Server, tmp_path: Path) -> None:
    config = TrackingConfig(uri=server.uri)
    with Recorder.start(config, tmp_path / "outputs") as recorder:
        recorder.log_params({f"p{i}": "x" * 5000 for i in range(150)})
        train(recorder, 0, 60)
    shutil.rmtree(tmp_path / "outputs")
    with Recorder.resume(config, tmp_path / "outputs", recorder.run_id) as again:
        assert again.resume_step == 60
        train(again, 60, 80)
    check(again, server.uri, 80)
    with pytest.raises(InputError, match="did you mean"):
        Recorder.resume(config, tmp_path / "outputs", recorder.run_id[:-1])


def test_a_server_away_during_commits_and_back_later(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Recorder.start(TrackingConfig(uri=server.uri), tmp_path / "outputs") as recorder:
        train(recorder, 0, 10)
        server.stop()
        began = time.monotonic()
        with caplog.at_level(logging.WARNING):
            train(recorder, 10, 20)
            train(recorder, 20, 30)
        assert time.monotonic() - began < 5
        assert caplog.text.count("cannot be written to") == 1
        server.start()
        train(recorder, 30, 40)
    check(recorder, server.uri, 40)


def test_a_server_away_until_the_end(server: Server, tmp_path: Path) -> None:
    config = TrackingConfig(uri=server.uri)
    with Recorder.start(config, tmp_path / "outputs") as recorder:
        train(recorder, 0, 10)
        server.stop()
        train(recorder, 10, 20)
    with pytest.raises(InputError, match="does not answer"):
        Recorder.resume(config, tmp_path / "outputs", recorder.run_id)
    server.start()
    with Recorder.resume(config, tmp_path / "outputs", recorder.run_id) as again:
        assert again.resume_step == 20
    check(again, server.uri, 20)


def test_an_artifact_added_later_is_named_by_the_address_of_its_page(server: Server, tmp_path: Path) -> None:
    with Recorder.start(TrackingConfig(uri=server.uri), tmp_path / "outputs") as recorder:
        pass
    (tmp_path / "page.html").write_text("a page")
    place = add_artifact(recorder.run_id, tmp_path / "page.html", "pages", uri=server.uri, output_dir=tmp_path / "new")
    assert place.startswith(f"{server.uri}/#/experiments/{recorder.experiment_id}/runs/{recorder.run_id}/artifacts/")
    assert "/artifacts/pages/page.html?" in place
    assert reading.download_artifact(recorder.run_id, "pages/page.html", uri=server.uri).read_text() == "a page"
    assert not (tmp_path / "new").exists()
