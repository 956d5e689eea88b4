"""Every experiment file composes and trains for a batch, on small data of the kind that it asks for."""

from pathlib import Path

import pytest
from sources import write_archive, write_csv
from tiny_runs import QUIET, Store

from tokenlayer.cli.main import main
from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.data.sources.imdb import ImdbConfig
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.training.config import TrainConfig

FOLDER = Path(__file__).parents[2] / "conf" / "experiment"
EXPERIMENTS = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml"))
COLUMNS = ["dataset.text_column=text", "dataset.label_column=label"]

DRAWN = ("original_imdb", "quickstart")
"""One for each kind of statistics: figures take most of the time of the others."""

ONE_BATCH = [
    "dataset.batch_size=4",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "trainer.max_epochs=1",
    *(f"trainer.limit_{phase}_batches=1" for phase in ("train", "val", "test")),
]


def small_data(kind: type, folder: Path) -> list[str]:
    """Overrides that put small texts in the place of the experiment's."""
    if issubclass(kind, PlantedConfig):
        return ["dataset.n_texts=40"]
    if issubclass(kind, ImdbConfig):
        source = f"dataset.source={write_archive(folder / 'reviews.tar.gz')}"
        return [source, "dataset.text_length=60", "model.vocab_size=30"]  # few texts, few tokens
    if issubclass(kind, TableConfig):
        return [f"dataset.source={write_csv(folder / 'table.csv')}", *COLUMNS, "dataset.text_length=60"]
    raise AssertionError(f"say here what small data for a {kind.__name__} are")


def dataset_of(experiment: str) -> type:
    given = ["dataset.source=any", *COLUMNS] if "table" in (FOLDER / f"{experiment}.yaml").read_text() else []
    with composing("train") as composer:
        spec = Spec(TrainConfig, lambda composed, line: composed)
        (job,) = check(composer, [f"experiment={experiment}", *given], spec, multirun=False)
    return type(job.config.dataset)


def test_experiments_are_found() -> None:
    assert {"quickstart", "learned_imdb", "original_imdb"} <= set(EXPERIMENTS)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_trains_for_a_batch(experiment: str, store: Store, tmp_path: Path) -> None:
    small = small_data(dataset_of(experiment), tmp_path)
    place = f"output_dir={store.output_dir}"
    quiet = () if experiment in DRAWN else QUIET
    assert main(["train", f"experiment={experiment}", *small, *ONE_BATCH, *quiet, place]) == 0
    (run,) = store.runs()
    assert run.run.info.status == "FINISHED"
    assert run.run.data.params["group.experiment"] == experiment
    assert run.log("train_log")["step"].tolist() == [0]
    assert "test/accuracy" in run.run.data.metrics
