import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.uri import default_uri


@pytest.fixture(scope="session")
def forked() -> Iterator[Callable[..., list[int]]]:
    """Does jobs of forked_runs.py, each in a process of its own; returns the exit codes."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    script = Path(__file__).with_name("forked_runs.py")
    process = subprocess.Popen([sys.executable, str(script)], stdin=PIPE, stdout=PIPE, text=True)

    def do(name: str, output_dir: Path, times: int = 1, **arguments: Any) -> list[int]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([name, str(output_dir), arguments, times]) + "\n")
        process.stdin.flush()
        codes: list[int] = json.loads(process.stdout.readline())
        return codes

    yield do
    process.communicate(timeout=30)


@pytest.fixture
def client(output_dir: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=default_uri(output_dir))


@pytest.fixture
def recorder(output_dir: Path) -> Iterator[Recorder]:
    started = Recorder.start(TrackingConfig(), output_dir)
    yield started
    started._lease.stop()


@pytest.fixture
def artifacts(output_dir: Path) -> Callable[[str], Path]:
    """Where MLflow keeps the artifacts of a run."""
    return lambda run_id: output_dir / "artifacts" / "tokenlayer" / run_id / "artifacts"
