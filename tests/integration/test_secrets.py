"""A store with a password: runs are recorded there, and the password is nowhere."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import requests
from mlflow.tracking import MlflowClient
from tiny_runs import TINY, Store

from tokenlayer.cli.main import main

PASSWORD = "Kaza7/Lumo8@Miro9 #?"
PARTS = ("Kaza7", "Lumo8", "Miro9")
FEW = ["trainer.max_epochs=1", "trainer.max_steps=4", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1"]
SERVER = Path(__file__).with_name("mlflow_behind_a_password.py")


@dataclass(frozen=True)
class Server:
    folder: Path
    port: int

    @property
    def uri(self) -> str:
        return f"http://me:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        line = [sys.executable, str(SERVER), str(self.folder), str(self.port), "me", PASSWORD]
        with subprocess.Popen(line, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                self._wait()
                yield
            finally:
                process.kill()

    def _wait(self) -> None:
        for _ in range(240):
            try:
                requests.get(f"http://127.0.0.1:{self.port}/health", timeout=1)
                return
            except requests.RequestException:
                time.sleep(0.25)
        raise TimeoutError("the server does not start")


@pytest.fixture
def server(tmp_path: Path, empty_database: Path) -> Server:
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Server(folder, probe.getsockname()[1])


def holding_a_part(folder: Path) -> list[str]:
    """The files, of whatever kind, in which a part of the password stands."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    held = [path for path in files if any(part.encode() in path.read_bytes() for part in PARTS)]
    return [path.relative_to(folder).as_posix() for path in held]


@pytest.mark.services
def test_a_run_on_a_server_with_a_password(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    place = f"output_dir={tmp_path / 'outputs'}"
    given = ["train", *TINY, *FEW, place, f"tracking.uri={server.uri}"]
    monkeypatch.setattr(sys, "argv", ["tokenlayer", *given])
    with server.running():
        assert main(given) == 0
        (run,) = MlflowClient(server.uri).search_runs(["0", "1"])
        run_id = run.info.run_id
        longer = ["trainer.max_steps=6"]
        # The password is not in what the run has recorded: it has to come anew.
        with monkeypatch.context() as elsewhere:
            elsewhere.delenv("MLFLOW_TRACKING_URI")
            assert main(["train", f"resume={run_id}", place, *longer]) == 2
        assert main(["train", f"resume={run_id}", place, *longer, "tracking=server"]) == 0
        assert main(["evaluate", run_id, place, "tracking=server", "trainer.accelerator=cpu"]) == 0
        assert main(["explain", run_id, "a text", place, "tracking=server"]) == 0
        bare = f"tracking.uri=http://127.0.0.1:{server.port}"
        for user, password, code in ((None, None, 2), ("me", "wrong", 2), ("me", PASSWORD, 0)):
            with monkeypatch.context() as known:
                if user is not None:
                    known.setenv("MLFLOW_TRACKING_USERNAME", user)
                    known.setenv("MLFLOW_TRACKING_PASSWORD", password)
                assert main(["explain", run_id, "a text", place, bare]) == code
        # Hydra writes the command line of a sweep to a file.
        sweep = ["train", "-m", *TINY, *FEW, place, f"tracking.uri={server.uri}", "seed=5"]
        assert main(sweep) == 0
        assert {run.info.status for run in MlflowClient(server.uri).search_runs(["0", "1"])} == {"FINISHED"}
        assert main(["train", f"resume={run_id}0", place, "tracking=server"]) == 2
        assert main(["compare", run_id, place, f"tracking.uri=http://127.0.0.1:{server.port}"]) == 2
        assert main(["compare", run_id, place, "tracking=server", f"--output={tmp_path / 'page.html'}"]) == 0
        assert main(["runs", place, "tracking=server"]) == 0
        shutil.copytree(tmp_path / "outputs", tmp_path / "copies")
        assert main(["runs", "--prune", f"output_dir={tmp_path / 'copies'}", "tracking=server"]) == 0
        assert list((tmp_path / "copies" / "runs").iterdir()) == [], "all was compared with the server's artifacts"
        assert "1 of 1" in (tmp_path / "page.html").read_text(), "tokens were read from the server"
        assert main(["train", "--cfg", "job", f"tracking.uri={server.uri}"]) == 0
        assert main(["train", "--info", "config", f"tracking.uri={server.uri}"]) == 0
    assert main(["train", *TINY, place, "tracking=server"]) == 2
    assert main(["ui", f"--tracking-uri={server.uri}"]) == 2
    assert main(["ui", f"--tracking-urii={server.uri}"]) == 2
    assert main(["train", *TINY, place, f"tracking.uri={server.uri.replace('http', 'gopher')}"]) == 2
    assert main(["train", *TINY, place, f"tracking.uri=http://me:{PASSWORD}@127.0.0.1"]) == 2

    told = capfd.readouterr()
    assert [part for part in PARTS if part in told.out + told.err] == []
    assert f"ui --run {run_id} tracking=server" in told.out
    assert f"was recorded to http://***@127.0.0.1:{server.port}; give the whole address" in told.err
    assert "does not answer (connection refused" in told.err
    assert f"{bare} asks for credentials: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or" in told.err
    refused = "does not accept the credentials in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD:"
    assert f"{bare} {refused}" in told.err
    assert "View run" not in told.out
    assert list((tmp_path / "outputs").rglob("*.ckpt"))
    assert holding_a_part(tmp_path) == []


def test_the_arguments_of_the_server_behind_the_ui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is at this store, but until it finds out, it runs."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql://me:{quote(PASSWORD, safe='')}@127.0.0.1:9/runs")
    line = [sys.executable, "-m", "tokenlayer", "ui", "tracking=server"]
    with (
        (tmp_path / "told").open("wb") as told,
        subprocess.Popen(line, cwd=tmp_path, stdout=told, stderr=subprocess.STDOUT) as process,
    ):
        seen = psutil.Process(process.pid)
        while "mlflow" not in seen.cmdline() and process.poll() is None:
            time.sleep(0.05)
        arguments = [word for one in (seen, *seen.children(recursive=True)) for word in one.cmdline()]
        process.kill()
    assert arguments[1:4] == ["-m", "mlflow", "ui"]
    assert [part for part in PARTS if part in " ".join(arguments)] == []
    assert "shows postgresql://***@127.0.0.1:9/runs;" in (tmp_path / "told").read_text()


def test_a_store_that_fails_says_so_without_its_password(
    output_dir: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database's drivers name the address in their errors; this one is reached, and never answers."""
    pytest.importorskip("psycopg")
    monkeypatch.setattr("tokenlayer.tracking.uri.ANSWER_SECONDS", 2.0)  # the driver's shortest
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"postgresql://me:{quote(PASSWORD, safe='')}@127.0.0.1:{listener.getsockname()[1]}/runs"
        assert main(["train", *TINY, f"output_dir={output_dir}", f"tracking.uri={uri}"]) == 2
    told = capfd.readouterr()
    assert "does not answer (connection timeout expired" in told.err
    assert [part for part in PARTS if part in told.out + told.err] == []


def test_a_run_is_not_lost_by_a_masked_address(output_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *TINY, f"output_dir={output_dir}", "tracking.uri=http://***@127.0.0.1:5000"]) == 2
    assert "best as tracking=server with MLFLOW_TRACKING_URI set to it" in capfd.readouterr().err
    assert Store(output_dir).runs() == []
