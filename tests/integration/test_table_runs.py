"""A table of the user's own, with the names that people script against."""

import sqlite3
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sources import write_csv
from tiny_runs import QUIET, Store

from tokenlayer.cli.main import main
from tokenlayer.original.statistics import COLUMNS

# In the original's order, as its loop writes them.
ORIGINAL_COLUMNS = [
    f"{part}_{moment}"
    for part in (
        "out",
        "dense",
        "embedding",
        "tokenization",
        "out_kernel",
        "out_bias",
        "dense_kernel",
        "dense_bias",
        "embedding_kernel",
        "patterns",
    )
    for moment in ("mean", "std")
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "my texts.csv", n=96, sentiments=("neg", "pos", "mixed"), split_column=True)


def test_the_original_scripted_from_end_to_end(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = tmp_path / "elsewhere" / "runs.db"
    official = [
        "dataset=table",
        f"dataset.source='{source}'",
        "dataset.text_column=text",
        "dataset.label_column=label",
        "dataset.split_column=split",
        "dataset.text_length=50",
        "dataset.batch_size=8",
        "model.vocab_size=24",
        "initializer=original",
        "initializer.ngram_lengths=[3,4]",
        "model=original",
        "learning_rule=original",
        "seed=3",
        "trainer=cpu",
        "trainer.threads=1",
        "trainer.max_epochs=2",
        f"tracking.uri=sqlite:///{database}",
        "tracking.experiment=my study",
    ]
    assert main(["train", *official]) == 0
    assert database.is_file()
    assert not (tmp_path / "outputs" / "mlflow.db").exists()
    (run,) = Store(database.parent).runs() if (database := database.rename(database.with_name("mlflow.db"))) else []
    assert Store(database.parent).client.get_experiment(run.run.info.experiment_id).name == "my study"
    frame = pd.read_csv(source)
    assert len(pd.read_parquet(run.artifacts / "predictions" / "test.parquet")) == (frame["split"] == "test").sum()
    assert len(run.log("train_log")) == 2 * ((frame["split"] == "train").sum() // 8)

    metrics = run.run.data.metrics
    scores = ("loss", "accuracy", "balanced_accuracy", "f1", "auroc")
    assert {f"{phase}/{name}" for phase in ("train", "validation", "test") for name in scores} <= metrics.keys()
    of_classes = [
        column for column in ORIGINAL_COLUMNS if column not in ("out_std", "out_bias_std")
    ]  # always 0 for two
    assert {f"watch/{kind}/{column}" for kind in ("gradients", "values") for column in of_classes} <= metrics.keys()
    assert tuple(ORIGINAL_COLUMNS) == COLUMNS

    for name in ("grads_log", "vals_log"):
        for part in (run.artifacts / "logs" / name).iterdir():
            assert pq.read_schema(part).names == ["step", "epoch", "batch", *ORIGINAL_COLUMNS]
    patterns = next((run.artifacts / "logs" / "patterns_log").iterdir())
    assert {"step", "neuron", "pattern"} <= set(pq.read_schema(patterns).names)
    for artifact in ("patterns/step_000000.json", "config/resolved.yaml", "predictions/test.parquet"):
        assert (run.artifacts / artifact).is_file()
    for folder in ("figures", "checkpoints"):
        assert any((run.artifacts / folder).iterdir())

    again = ["train", f"resume={run.run_id}", f"tracking.uri=sqlite:///{database}", "trainer.max_steps=18"]
    assert main(again) == 0
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from runs").fetchone() == (1,)


def test_a_random_split_without_a_split_column(source: Path, store: Store) -> None:
    columns = ["dataset.text_column=text", "dataset.label_column=label"]
    small = ["dataset.text_length=50", "dataset.batch_size=8", "model.vocab_size=10"]
    trainer = ["trainer=debug", "trainer.threads=1", "trainer.max_steps=1"]
    arguments = ["dataset=table", f"dataset.source='{source}'", *columns, *small, *trainer, *QUIET]
    assert main(["train", *arguments, f"output_dir={store.output_dir}"]) == 0
    (run,) = store.runs()
    assert run.log("grads_log")["step"].tolist() == [0]
