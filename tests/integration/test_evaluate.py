"""`tokenlayer evaluate`: a model that a run left behind, on its own texts and on others."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from sources import write_csv, write_rows
from tiny_runs import Recorded, Store, without

from tokenlayer.cli.main import main
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.data.splits import content_ids

COLUMNS = ["dataset.text_column=text", "dataset.label_column=label"]
DEVICE = ["trainer.accelerator=cpu", "trainer.threads=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[Store, Recorded]:
    """A run on a table of two classes."""
    folder = tmp_path_factory.mktemp("evaluate")
    output_dir = folder / "outputs"
    output_dir.mkdir()
    shutil.copyfile(empty_database, output_dir / "mlflow.db")
    source = write_csv(folder / "reviews.csv", n=120)
    dataset = ["dataset=table", f"dataset.source={source}", *COLUMNS, "dataset.text_length=60", "dataset.batch_size=8"]
    assert main(["train", *without("dataset"), *dataset, f"output_dir={output_dir}", "trainer.max_epochs=2"]) == 0
    store = Store(output_dir)
    return store, store.runs()[0]


def evaluate(store: Store, what: str, *overrides: str) -> int:
    return main(["evaluate", what, f"output_dir={store.output_dir}", *DEVICE, *overrides])


def latest(store: Store) -> Recorded:
    return store.runs()[-1]


def predictions(run: Recorded) -> pd.DataFrame:
    """Of a run, or an evaluation of whatever split."""
    (path,) = (run.artifacts / "predictions").glob("*.parquet")
    assert path.stem == run.run.data.params.get("split", "test")
    return pd.read_parquet(path)


def own_data(run: Recorded) -> TableConfig:
    return TableConfig(
        source=run.run.data.params["dataset.source"], text_column="text", label_column="label", text_length=60
    )


def seen_in_training(run: Recorded) -> float | None:
    return run.run.data.metrics.get("evaluation.seen_in_training")


def test_on_the_runs_own_texts_it_finds_what_the_run_found(trained: tuple[Store, Recorded]) -> None:
    store, run = trained
    assert evaluate(store, run.run_id) == 0
    evaluation = latest(store)
    theirs = {name: value for name, value in run.run.data.metrics.items() if name.startswith("test/")}
    assert {name: evaluation.run.data.metrics[name] for name in theirs} == theirs
    assert evaluation.run.data.tags["mlflow.parentRunId"] == run.run_id
    assert evaluation.run.info.status == "FINISHED"
    assert evaluation.run.info.experiment_id == run.run.info.experiment_id
    pd.testing.assert_frame_equal(predictions(evaluation), predictions(run))


def test_a_run_by_name_or_by_the_beginning_of_its_id(trained: tuple[Store, Recorded]) -> None:
    store, run = trained
    for named in (str(run.run.info.run_name), run.run_id[:12]):
        assert evaluate(store, named) == 0
        evaluation = latest(store)
        assert evaluation.run.data.tags["mlflow.parentRunId"] == run.run_id
        assert evaluation.run.data.params["evaluated"] == run.run_id
        assert evaluation.run.info.run_name == f"evaluate-test-{run.run_id}"


def test_a_name_of_several_runs_lists_them(trained: tuple[Store, Recorded], refused: "Refused") -> None:
    store, run = trained
    twins = [store.client.create_run(run.run.info.experiment_id, run_name="twins").info.run_id for _ in range(2)]
    message = refused("twins")
    assert message.startswith("error: run: 'twins' names 2 runs")
    assert message.splitlines()[0].endswith("[run='twins' on the command line]")
    for twin in twins:
        assert re.search(rf"^  {twin}  twins  RUNNING  \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", message, re.MULTILINE)


def test_a_checkpoint_file(trained: tuple[Store, Recorded], tmp_path: Path) -> None:
    store, run = trained
    checkpoint = tmp_path / "it's my model, v=2.ckpt"
    shutil.copyfile(run.artifacts / "checkpoints" / "best.ckpt", checkpoint)
    assert evaluate(store, str(checkpoint), "split=validation") == 0
    evaluation = latest(store)
    assert "mlflow.parentRunId" not in evaluation.run.data.tags
    best = min(store.history(run.run_id, "validation/loss"), key=lambda entry: entry[1])
    assert evaluation.run.data.metrics["validation/loss"] == pytest.approx(best[1], rel=1e-6)
    assert not [name for name in evaluation.run.data.metrics if name.startswith("test/")]
    assert len(predictions(evaluation)) == 18
    assert seen_in_training(evaluation) is not None, "the texts are the run's own"


def test_batches_of_another_size_are_of_the_same_texts(trained: tuple[Store, Recorded]) -> None:
    store, run = trained
    assert evaluate(store, run.run_id, "dataset.batch_size=3") == 0
    assert predictions(latest(store))["text_id"].tolist() == predictions(run)["text_id"].tolist()


def test_another_experiment_where_one_is_named(trained: tuple[Store, Recorded]) -> None:
    store, run = trained
    assert evaluate(store, run.run_id, "tracking.experiment=other") == 0
    evaluation = latest(store)
    assert store.client.get_experiment(evaluation.run.info.experiment_id).name == "other"
    assert evaluation.run.data.tags["mlflow.parentRunId"] == run.run_id


def test_the_result_is_one_line_in_a_pipe(
    trained: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    store, run = trained
    assert evaluate(store, run.run_id) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if " texts (test): " in line)
    for name, value in latest(store).run.data.metrics.items():
        if name.startswith("test/"):
            assert f"{name} {value:.4f}" in line


def test_another_table_is_taken_whole(trained: tuple[Store, Recorded], tmp_path: Path) -> None:
    store, run = trained
    source = write_rows(
        tmp_path / "other.csv",
        [{"text": "A LOVELY film, ünïcode & all", "label": "pos"}] * 6 + [{"text": "dreary!", "label": "neg"}] * 7,
    )
    # Its texts have other common characters, and the columns are in another order of classes.
    assert evaluate(store, run.run_id, "dataset=table", f"dataset.source={source}", *COLUMNS) == 0
    frame = predictions(latest(store))
    assert len(frame) == 13
    assert frame["label"].value_counts().to_dict() == {"neg": 7, "pos": 6}
    # The same text gets the same probability: it is encoded as in training.
    assert frame.groupby("label")["probability_pos"].nunique().tolist() == [1, 1]


def test_training_texts_among_others_are_counted(
    trained: tuple[Store, Recorded], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, run = trained
    data = own_data(run)
    texts = pd.read_csv(data.source)
    new = pd.DataFrame({"text": ["a text of today", "and another"], "label": ["pos", "neg"]})
    superset = tmp_path / "superset.csv"
    pd.concat([texts, new]).to_csv(superset, index=False)
    assert evaluate(store, run.run_id, f"dataset.source={superset}") == 0
    trained_on = set(prepare(data).splits["train"].ids)
    count = sum(text_id in trained_on for text_id in content_ids(texts["text"].tolist()))
    assert seen_in_training(latest(store)) == count >= len(trained_on)
    assert f"The model was trained on {count} of them" in capsys.readouterr().out

    new.to_csv(superset, index=False)
    assert evaluate(store, run.run_id, f"dataset.source={superset}") == 0
    assert seen_in_training(latest(store)) == 0
    assert "was trained on" not in capsys.readouterr().out


def test_without_its_run_a_checkpoint_does_not_know_its_texts(
    trained: tuple[Store, Recorded], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, run = trained
    checkpoint = shutil.copyfile(run.artifacts / "checkpoints" / "best.ckpt", tmp_path / "model.ckpt")
    source = write_rows(tmp_path / "other.csv", [{"text": "lovely", "label": "pos"}])
    assert evaluate(store, str(checkpoint), f"dataset.source={source}") == 0
    assert seen_in_training(latest(store)) is None
    assert "trained on some of them is not known" in capsys.readouterr().out


@pytest.mark.parametrize("rows", [[("lovely", "pos")], [("lovely", "pos")] * 30, [("dreary", "neg"), ("fine", "pos")]])
def test_texts_that_no_model_could_be_trained_on(
    rows: list[tuple[str, str]], trained: tuple[Store, Recorded], tmp_path: Path
) -> None:
    """Few texts, or of one class: the model knows its classes."""
    store, run = trained
    source = write_rows(tmp_path / "few.csv", [{"text": text, "label": label} for text, label in rows])
    assert evaluate(store, run.run_id, "dataset=table", f"dataset.source={source}", *COLUMNS) == 0
    evaluation = latest(store)
    frame = predictions(evaluation)
    assert sorted(frame["label"]) == sorted(label for _, label in rows)
    accuracy = (frame["label"] == frame["prediction"]).mean()
    assert evaluation.run.data.metrics["test/accuracy"] == pytest.approx(accuracy)


def test_a_table_of_test_texts_alone(trained: tuple[Store, Recorded], tmp_path: Path) -> None:
    store, run = trained
    source = write_rows(tmp_path / "test.csv", [{"text": "lovely", "label": "pos", "split": "test"}] * 3)
    other = ["dataset=table", f"dataset.source={source}", *COLUMNS, "dataset.split_column=split"]
    assert evaluate(store, run.run_id, *other) == 0
    assert len(predictions(latest(store))) == 3


def test_numbers_of_another_table_are_those_of_the_model(trained: tuple[Store, Recorded], tmp_path: Path) -> None:
    """The texts of the run under another name give the predictions of the run."""
    store, run = trained
    source = shutil.copyfile(Path(run.run.data.params["dataset.source"]), tmp_path / "copy.csv")
    assert evaluate(store, run.run_id, "dataset=table", f"dataset.source={source}", *COLUMNS, "split=all") == 0
    everything = predictions(latest(store)).drop_duplicates("text_id").set_index("text_id")
    assert evaluate(store, run.run_id) == 0
    own = predictions(latest(store)).drop_duplicates("text_id").set_index("text_id")
    columns = ["prediction", "probability_neg", "probability_pos"]
    pd.testing.assert_frame_equal(everything.loc[own.index, columns], own[columns], rtol=1e-5)


@pytest.fixture
def refused(trained: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str]) -> "Refused":
    return Refused(trained[0], capsys)


class Refused:
    """Evaluations that cannot work: refused with one message, and not recorded."""

    def __init__(self, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
        self.store = store
        self.capsys = capsys

    def __call__(self, what: str, *overrides: str) -> str:
        before = len(self.store.runs())
        assert evaluate(self.store, what, *overrides) == 2
        message = self.capsys.readouterr().err
        assert message.startswith("error: ")
        assert "Traceback" not in message
        assert len(self.store.runs()) == before
        print(message)
        return message


def test_unknown_class(trained: tuple[Store, Recorded], refused: Refused, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "three.csv", sentiments=("neg", "pos", "mixed"))
    message = refused(trained[1].run_id, "dataset=table", f"dataset.source={source}", *COLUMNS)
    assert "no class mixed" in message
    assert "neg, pos" in message


def test_a_split_of_too_few_texts(trained: tuple[Store, Recorded], refused: Refused, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "few.csv", [{"text": "lovely", "label": "pos"}, {"text": "dreary", "label": "neg"}])
    other = ["dataset=table", f"dataset.source={source}", *COLUMNS]
    assert "cannot be split" in refused(trained[1].run_id, *other, "split=test")


def test_another_source_of_the_same_kind_is_encoded_as_in_training(
    trained: tuple[Store, Recorded], tmp_path: Path
) -> None:
    store, run = trained
    source = write_rows(tmp_path / "xyz.csv", [{"text": f"xyz {i}", "label": ("neg", "pos")[i % 2]} for i in range(40)])
    assert evaluate(store, run.run_id, f"dataset.source={source}") == 0
    assert len(predictions(latest(store))) == 40
    header = torch.load(run.artifacts / "checkpoints" / "best.ckpt", weights_only=True)["tokenlayer"]
    assert "z" not in header["alphabet"], "the test is about other characters"


@pytest.mark.parametrize("overrides", [(), ("dataset.batch_size=64", "dataset.reshuffle=false")])
def test_data_that_changed_since_the_training(
    overrides: tuple[str, ...], trained: tuple[Store, Recorded], refused: Refused
) -> None:
    source = Path(trained[1].run.data.params["dataset.source"])
    before = source.read_text()
    source.write_text(before.replace("lovely", "great"))
    try:
        message = refused(trained[1].run_id, *overrides)
    finally:
        source.write_text(before)
    assert "the data have changed since the model was trained" in message


def test_the_run_must_be_named(refused: Refused) -> None:
    message = refused("trainer.devices=1")
    assert "run: must be given: tokenlayer evaluate RUN_OR_CHECKPOINT" in message


def test_unknown_run(trained: tuple[Store, Recorded], refused: Refused) -> None:
    run_id = trained[1].run_id
    message = refused(run_id[:-2] + "zz")
    assert f"did you mean {run_id}" in message


def test_files_that_are_no_checkpoints(refused: Refused, tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    (tmp_path / "empty.ckpt").touch()
    for name in ("other.ckpt", "text.ckpt", "empty.ckpt"):
        message = refused(str(tmp_path / name))
        assert f"{tmp_path / name}: no checkpoint of tokenlayer" in message
        assert len(message) < 400
    assert "no such checkpoint file" in refused(str(tmp_path / "gone.ckpt"))


@pytest.mark.parametrize(
    "override", ["dataset.text_length=50", "dataset.alphabet.size=5", "dataset.cleaning.lower_case=false"]
)
def test_what_the_model_fixes_cannot_be_changed(
    override: str, trained: tuple[Store, Recorded], refused: Refused, tmp_path: Path
) -> None:
    key = override.partition("=")[0]
    assert key in refused(trained[1].run_id, override)
    other = ["dataset=table", f"dataset.source={write_csv(tmp_path / 'other.csv')}", *COLUMNS]
    assert key in refused(trained[1].run_id, *other, override)
