"""Commands that faults befall, and what is left of their runs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import torch
from filelock import FileLock
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tokenlayer.tracking.tables import read_parts
from tokenlayer.tracking.uri import default_uri

DRAWN = (
    "dataset=planted",
    "dataset.n_texts=200",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "dataset.batch_size=8",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "trainer.max_epochs=2",
    "initializer=random_ngrams",
    "initializer.ngram_lengths=[2,3,4]",
    "learning_rule=random_regrow",
    "learning_rule.ngram_lengths=[2,3,4]",
    "model.vocab_size=30",
    "callbacks.checkpoints.seconds_apart=0",
)
# Figures take most of a tiny run's time.
TINY = (*DRAWN, "callbacks.figures=null", "callbacks.token_history=null")
SOCKET, STARTED = "commands.socket", "commands.log"
RUN_LINE = re.compile(r"^run ([0-9a-f]{32})$", re.MULTILINE)
LOGS = ("grads_log", "vals_log", "train_log", "patterns_log", "edits")
Fault = tuple[str, int, list[str]]


class Command:
    """A command in a process of its own."""

    def __init__(self, server: "Server", pid: int, output: Path) -> None:
        self.pid = pid
        self._server = server
        self._output = output
        self.code: int | None = None

    @property
    def printed(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def run_id(self) -> str | None:
        """What it has said by now."""
        found = RUN_LINE.search(self.printed)
        return None if found is None else found[1]

    def wait_for_run(self, seconds: float = 120) -> str:
        """Wait until it says which run it is."""
        end = time.monotonic() + seconds
        while (run_id := self.run_id) is None:
            assert time.monotonic() < end, self.printed
            time.sleep(0.005)
        return run_id

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code, -9 for one that was killed."""
        if self.code is None:
            self.code = self._server.answer()
        return self.code


class Server:
    """A connection to command_server.py, which is started if it is not there; one command at a time.

    Args:
        folder: of the commands.
        shared: a folder that all workers of the test session share.
        owner: the process with which the session ends.

    """

    def __init__(self, folder: Path, shared: Path, owner: int) -> None:
        self._folder = folder
        self._count = 0
        start_server(shared, owner)
        self._socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 120
        while True:
            try:
                self._socket.connect(str(shared / SOCKET))
                break
            except OSError:  # it has not come to listen yet
                assert time.monotonic() < end, "the command server does not start"
                time.sleep(0.05)
        self._lines = self._socket.makefile("rw", encoding="utf-8")

    def start(
        self, *arguments: str, faults: Sequence[Fault] = (), environment: dict[str, str] | None = None
    ) -> Command:
        self._count += 1
        output = self._folder / f"command-{self._count}.txt"
        output.touch()
        job = {"arguments": arguments, "output": str(output), "folder": str(self._folder), "faults": faults}
        # The server has the environment of the worker that has started it.
        job["environment"] = {"TOKENLAYER_CACHE": os.environ["TOKENLAYER_CACHE"], **(environment or {})}
        self._lines.write(json.dumps(job) + "\n")
        self._lines.flush()
        return Command(self, self.answer(), output)

    def run(self, *arguments: str, faults: Sequence[Fault] = ()) -> Command:
        command = self.start(*arguments, faults=faults)
        command.wait()
        return command

    def answer(self) -> int:
        return int(self._lines.readline())

    def stop(self) -> None:
        self._lines.close()
        self._socket.close()


def start_server(shared: Path, owner: int) -> None:
    """Start command_server.py, unless another worker has; it loads while this one goes on."""
    with FileLock(shared / "commands.lock"):
        if not (shared / STARTED).exists():
            script = Path(__file__).with_name("command_server.py")
            with (shared / STARTED).open("wb") as log:
                line = [sys.executable, str(script), str(shared / SOCKET), str(owner)]
                subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


@dataclass(frozen=True)
class Store:
    """An output folder and the store of its runs."""

    output_dir: Path
    given_uri: str | None = None

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.given_uri or default_uri(self.output_dir))

    @property
    def place(self) -> list[str]:
        uri = [] if self.given_uri is None else [f"tracking.uri={self.given_uri}"]
        return [f"output_dir={self.output_dir}", *uri]

    def runs(self) -> list[Run]:
        ids = [experiment.experiment_id for experiment in self.client.search_experiments()]
        return list(self.client.search_runs(ids))

    def status(self, run_id: str) -> str:
        return str(self.client.get_run(run_id).info.status)

    def record(self, run_id: str) -> "Record":
        return Record.read(self.client, run_id)


@dataclass(frozen=True)
class Record:
    """All that MLflow holds of a run that two equal runs have in common."""

    status: str
    weights: dict[str, torch.Tensor]
    logs: dict[str, pd.DataFrame]
    metrics: dict[str, Counter[tuple[int, float]]]
    artifacts: frozenset[str]

    @classmethod
    def read(cls, client: MlflowClient, run_id: str) -> "Record":
        run = client.get_run(run_id)
        place = urlsplit(run.info.artifact_uri)
        if place.scheme in ("", "file"):
            folder = Path(unquote(place.path))
        else:
            folder = Path(client.download_artifacts(run_id, ""))
        logs = {name: read_parts((folder / "logs" / name).glob("part-*.parquet")).to_pandas() for name in LOGS}
        weights = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        metrics = {
            key: Counter((m.step, repr(m.value)) for m in client.get_metric_history(run_id, key))
            for key in run.data.metrics
        }
        files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        # The difference to a commit of git says when it was run, not what. What MLflow was copying as it was killed
        # stays beside the artifact, and is in none of its listings.
        passed_over = ("journal/", "config/git.diff")
        named = frozenset(
            name
            for name in files
            if not ("part-" in name or ".artifact.uploading." in name or name.startswith(passed_over))
        )
        return cls(str(run.info.status), weights, logs, metrics, named)


def assert_same(ours: Record, theirs: Record) -> None:
    """Equal bit for bit: weights, logs, metrics, with no row missing and none twice."""
    assert ours.status == "FINISHED"
    for name, value in theirs.weights.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(ours.weights[name], value), name
    for name, log in theirs.logs.items():
        pd.testing.assert_frame_equal(ours.logs[name], log, obj=name)
    assert ours.metrics.keys() == theirs.metrics.keys()
    for key, rows in theirs.metrics.items():
        assert ours.metrics[key] == rows, f"{key}: missing {rows - ours.metrics[key]}, more {ours.metrics[key] - rows}"
    assert ours.artifacts == theirs.artifacts, ours.artifacts ^ theirs.artifacts
