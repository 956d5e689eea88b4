"""Real faults, in processes of their own."""

import shutil
from pathlib import Path

import pytest
from commands import TINY, Record, Server, Store


@pytest.fixture
def store(output_dir: Path) -> Store:
    return Store(output_dir)


@pytest.fixture(scope="session")
def whole(server: Server, tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Record:
    """The run that nothing befalls."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    store = Store(folder)
    command = server.run("train", *TINY, *store.place)
    assert command.code == 0, command.printed
    assert command.run_id is not None
    return store.record(command.run_id)
