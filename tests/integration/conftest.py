"""Runs of the real command, in this process."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sources import write_csv
from tiny_runs import TINY, Recorded, Store, without

from tokenlayer.cli.main import main


@pytest.fixture
def store(output_dir: Path) -> Store:
    return Store(output_dir)


@pytest.fixture
def train(store: Store) -> Callable[..., Recorded]:
    """`tokenlayer train` on tiny texts; gives the run that it recorded."""

    def run(*overrides: str, tiny: Sequence[str] = TINY) -> Recorded:
        before = {recorded.run_id for recorded in store.runs()}
        assert main(["train", *tiny, f"output_dir={store.output_dir}", *overrides]) == 0
        (new,) = [recorded for recorded in store.runs() if recorded.run_id not in before]
        return new

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[Store, Recorded]:
    """A run on a table of two classes, `reviews.csv` beside its output folder; tests read it, and add pages to it."""
    folder = tmp_path_factory.mktemp("explain")
    output_dir = folder / "outputs"
    output_dir.mkdir()
    shutil.copyfile(empty_database, output_dir / "mlflow.db")
    source = write_csv(folder / "reviews.csv", n=120)
    dataset = ["dataset=table", f"dataset.source={source}", "dataset.text_column=text", "dataset.label_column=label"]
    dataset += ["dataset.text_length=60", "dataset.batch_size=8"]
    settings = [setting for setting in without("dataset") if setting != "callbacks.token_history=null"]
    assert main(["train", *settings, *dataset, f"output_dir={output_dir}", "trainer.max_epochs=1"]) == 0
    store = Store(output_dir)
    return store, store.runs()[0]
