"""What all tests share: a quiet machine, a cache of their own, and a store that need not be made each time."""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

# Small shapes gain nothing from a second thread, and tests beside other work lose much by waiting for it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy and scipy are loaded, in subprocesses too
# Read by torch's threads when they start; see tokenlayer.cli.main.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Those of other packages (trio's, which the browser's driver brings) take a second to load, and none is used.
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")

import pytest
import torch

if TYPE_CHECKING:
    from commands import Server

torch.set_num_threads(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability", metavar="FILE", help="write the table of promises and faults to this file")


def pytest_configure(config: pytest.Config) -> None:
    # Tests record where they say, whatever MLflow's settings of whoever runs them, in subprocesses too.
    for variable in [name for name in os.environ if name.startswith(("MLFLOW_TRACKING", "MLFLOW_EXPERIMENT"))]:
        del os.environ[variable]
    target = config.getoption("--reliability")
    if target:
        sys.path.insert(0, str(Path(__file__).with_name("faults")))
        from reliability import Reliability  # noqa: PLC0415  # few test sessions need it

        config.pluginmanager.register(Reliability(Path(target).absolute()))


# Until all tests are collected everything is kept, and the collector would look through it again and again.
gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()
    # By default it looks after 700 new objects, of which a training makes some in every step.
    gc.set_threshold(50_000, 20, 20)
    databases = sys.modules.get("mlflow.store.db.utils")
    if databases is not None:
        # MLflow reads all its migrations for each database that it opens, a few hundred times for the same result.
        latest = databases._get_latest_schema_revision
        databases._get_latest_schema_revision = cache(latest)


def pytest_xdist_auto_num_workers() -> int:
    """One worker for each processor that may be used: by default it is each core, of two threads or more."""
    wanted = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(wanted) if wanted else usable


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> None:
    """What is loaded stays loaded: the collector need not look through a million objects every few seconds."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Each test draws the same numbers, alone or among others."""
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Encoded texts go to a folder of this test session, in subprocesses too."""
    before = os.environ.get("TOKENLAYER_CACHE")
    os.environ["TOKENLAYER_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["TOKENLAYER_CACHE"]
    else:
        os.environ["TOKENLAYER_CACHE"] = before


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite store: MLflow needs seconds to make one, a copy none."""
    from tokenlayer.tracking import store  # noqa: PLC0415  # tests without a store need not wait for MLflow

    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "_create_database", getattr(store._create_database, "real", store._create_database))
        store.open_store(None, folder)
    return folder / "mlflow.db"


@pytest.fixture(autouse=True)
def quick_stores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process needs a new SQLite store for gets a copy; `tests/tracking/test_store.py` makes its own."""
    store = sys.modules.get("tokenlayer.tracking.store")
    if store is None:
        return

    def copied(path: Path, artifact_root: Path) -> None:  # the experiments have folders of their own
        shutil.copyfile(request.getfixturevalue("empty_database"), path)

    copied.real = store._create_database  # type: ignore[attr-defined]
    monkeypatch.setattr(store, "_create_database", copied)


@pytest.fixture
def output_dir(tmp_path: Path, empty_database: Path) -> Path:
    """An output folder with an empty store in it."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    shutil.copyfile(empty_database, folder / "mlflow.db")
    return folder


def _session(config: pytest.Config, base: Path) -> tuple[Path, int]:
    """A folder that all workers share, and the process with which the session ends."""
    is_worker = hasattr(config, "workerinput")
    return (base.parent, os.getppid()) if is_worker else (base, os.getpid())


@pytest.fixture(scope="session", autouse=True)
def _command_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The server loads while the tests before those that need it run."""
    if any("server" in getattr(item, "fixturenames", ()) for item in request.session.items):
        from commands import start_server  # noqa: PLC0415  # few tests need it

        start_server(*_session(request.config, tmp_path_factory.getbasetemp()))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> "Iterator[Server]":
    """Runs the real command in processes of its own, which faults may befall."""
    from commands import Server  # noqa: PLC0415  # few tests need it

    shared, owner = _session(request.config, tmp_path_factory.getbasetemp())
    server = Server(tmp_path_factory.mktemp("commands"), shared, owner)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the IMDB reviews, where this machine has one."""
    folder = Path(os.environ.get("TOKENLAYER_SHARED", Path(__file__).parents[2] / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("the IMDB reviews are not here; name their folder's parent by TOKENLAYER_SHARED")
    return folder
