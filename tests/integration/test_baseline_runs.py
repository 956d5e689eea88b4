"""`tokenlayer baseline`, recorded like a training."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sources import write_csv
from tiny_runs import QUIET, Recorded, Store

from tokenlayer.cli.main import main

PLANTED = ["dataset=planted", "dataset.n_texts=400", "dataset.text_length=80", "dataset.n_words=12"]


@pytest.mark.parametrize("name", ["tfidf", "nbsvm"])
def test_a_run_holds_what_a_training_holds(name: str, store: Store) -> None:
    assert main(["baseline", f"baseline={name}", *PLANTED, f"output_dir={store.output_dir}", "seed=3"]) == 0
    (run,) = store.runs()
    data = run.run.data
    assert run.run.info.status == "FINISHED"
    assert data.params["seed"] == "3"
    assert data.params["group.baseline"] == name
    assert (
        len(
            data.params["dataset.fingerprint"]
            if "dataset.fingerprint" in data.params
            else data.tags["dataset.fingerprint"]
        )
        == 64
    )
    metrics = {
        f"{split}/{metric}" for split in ("validation", "test") for metric in ("accuracy", "loss", "f1", "auroc")
    }
    assert metrics <= set(data.metrics)
    assert "| test/accuracy |" in data.tags["mlflow.note.content"]
    tried = store.history(run.run_id, "search/C")
    accuracies = store.history(run.run_id, "search/validation_accuracy")
    best = max(accuracies, key=lambda entry: entry[1])
    assert float(data.params["baseline.C"]) == dict(tried)[best[0]]
    assert data.metrics["validation/accuracy"] == pytest.approx(best[1])
    predictions = pd.read_parquet(run.artifacts / "predictions" / "test.parquet")
    assert list(predictions) == ["text_id", "label", "prediction", "probability_class_0", "probability_class_1"]
    assert (predictions["label"] == predictions["prediction"]).mean() == pytest.approx(data.metrics["test/accuracy"])
    assert (run.artifacts / "config" / "resolved.yaml").exists()


def test_its_predictions_are_of_the_texts_of_a_training(store: Store, train: Callable[..., Recorded]) -> None:
    tiny = [*PLANTED, "dataset.batch_size=8", "model/head=pool", "learning_rule=frozen", "initializer=chi2_words"]
    tiny += ["initializer.longest=12", "initializer.min_texts=2", "model.vocab_size=20", "trainer.max_epochs=1"]
    trained = train("trainer.accelerator=cpu", *QUIET, tiny=tiny)
    assert main(["baseline", *PLANTED, f"output_dir={store.output_dir}"]) == 0
    frames = [pd.read_parquet(run.artifacts / "predictions" / "test.parquet") for run in (trained, store.runs()[-1])]
    assert frames[0][["text_id", "label"]].equals(frames[1][["text_id", "label"]])
    assert list(frames[0]) == list(frames[1])


def test_a_table_of_texts_of_which_nothing_but_the_columns_is_given(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_csv(tmp_path / "reviews.csv", n=120)
    table = ["dataset=table", f"dataset.source={source}", "dataset.text_column=text", "dataset.label_column=label"]
    assert main(["baseline", "baseline=nbsvm", *table, f"output_dir={store.output_dir}"]) == 0
    data = store.runs()[0].run.data
    assert data.metrics["test/accuracy"] >= 0
    assert f"dataset.text_length={data.params['dataset.text_length']} (" in capsys.readouterr().out


def test_bad_settings_are_reported_before_a_run_is_begun(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["baseline", *PLANTED, f"output_dir={store.output_dir}", "baseline.strengths=[]", "baseline.min_text=3"]
    assert main(line) == 2
    message = capsys.readouterr().err
    assert "baseline.strengths" in message
    assert "min_texts" in message
    assert store.runs() == []
