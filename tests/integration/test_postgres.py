"""A sweep recorded to a PostgreSQL database, read and compared there; needs PostgreSQL's own server programs."""

import io
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient
from tiny_runs import TINY

from tokenlayer.cli.main import main

pytestmark = pytest.mark.services


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs; Debian keeps those of the server beside each version."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(kept[-1]) if kept else None)
    if found is None:
        pytest.skip(f"needs PostgreSQL's {name}")
    return found


def run(*command: str) -> None:
    """Run a program; PostgreSQL's refuse to be root, who has them run by the user `postgres`."""
    as_other = ["runuser", "--user=postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_other, *command], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of an empty database of a server of its own."""
    pytest.importorskip("psycopg")
    initdb, control = program("initdb"), program("pg_ctl")
    folder = Path(tempfile.mkdtemp())  # pytest's own are closed to another user, and too long for a socket's name
    folder.chmod(0o777)
    data = folder / "data"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    try:
        run(initdb, "--pgdata", str(data), "--username=me", "--auth=trust", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
        run(control, "--pgdata", str(data), "--options", options, "--log", str(folder / "log"), "--wait", "start")
        try:
            yield f"postgresql+psycopg://me:pass%20word@127.0.0.1:{port}/postgres"
        finally:
            run(control, "--pgdata", str(data), "--mode=immediate", "--wait", "stop")
    finally:
        shutil.rmtree(folder)


def test_a_sweep_is_recorded_resumed_and_compared(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = (f"output_dir={tmp_path}", f"tracking.uri={database}")
    sweep = ["train", "-m", *TINY, *place, "trainer.max_steps=4", "sweep.name=mine"]
    assert main([*sweep, "seed=0,1"]) == 0
    assert main([*sweep, "seed=0,1,2"]) == 0
    assert "3 jobs, 2 done, 1 to run" in capsys.readouterr().out

    client = MlflowClient(tracking_uri=database)
    (experiment,) = client.search_experiments(filter_string="name = 'tokenlayer'")
    runs = client.search_runs([experiment.experiment_id])
    assert [found.info.status for found in runs] == ["FINISHED"] * 4
    (parent,) = [found for found in runs if found.data.tags.get("tokenlayer.kind") == "sweep"]
    children = [found for found in runs if found.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(found.data.tags["seed"] for found in children) == ["0", "1", "2"]

    flags = ("--tracking-uri", database, "--output-dir", str(tmp_path))
    capsys.readouterr()
    assert main(["runs", *flags]) == 0
    listed = capsys.readouterr().out
    assert parent.info.run_id[:6] in listed, listed
    assert main(["compare", "mine", *flags, "--format", "csv"]) == 0
    (row,) = pd.read_csv(io.StringIO(capsys.readouterr().out)).to_dict("records")
    measured = [found.data.metrics["test/accuracy"] for found in children]
    assert row["test/accuracy mean"] == pytest.approx(sum(measured) / 3)


def test_a_run_that_was_stopped_goes_on_in_the_same_run(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = (f"output_dir={tmp_path}", f"tracking.uri={database}")
    tiny = [*TINY, *place, "tracking.experiment=stopped"]
    assert main(["train", *tiny, "trainer.max_steps=4"]) == 0
    (run_id,) = {line.removeprefix("run ") for line in capsys.readouterr().out.splitlines() if line.startswith("run ")}
    shutil.rmtree(tmp_path / "runs")  # what MLflow holds is enough
    assert main(["train", f"resume={run_id}", "trainer.max_steps=8", *place]) == 0
    rows = MlflowClient(tracking_uri=database).get_metric_history(run_id, "train/loss")
    assert len({row.step for row in rows}) == len(rows)
    assert MlflowClient(tracking_uri=database).get_run(run_id).info.status == "FINISHED"
