import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.store import open_store
from tokenlayer.tracking.uri import default_uri


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite store: MLflow needs seconds to make one, a copy none."""
    folder = tmp_path_factory.mktemp("store")
    open_store(None, folder)
    return folder / "mlflow.db"


@pytest.fixture
def output_dir(tmp_path: Path, empty_database: Path) -> Path:
    """An output folder with an empty store in it."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    shutil.copyfile(empty_database, folder / "mlflow.db")
    return folder


@pytest.fixture
def client(output_dir: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=default_uri(output_dir))


@pytest.fixture
def recorder(output_dir: Path) -> Recorder:
    return Recorder.start(TrackingConfig(), output_dir)


@pytest.fixture
def artifacts(output_dir: Path) -> Callable[[str], Path]:
    """Where MLflow keeps the artifacts of a run."""
    return lambda run_id: output_dir / "artifacts" / "tokenlayer" / run_id / "artifacts"
