"""Real runs through the command, looked at in MLflow from every side."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from tiny_runs import ORIGINAL, STEPS_PER_EPOCH, TINY, Recorded, Store, without

from tokenlayer.cli.main import main
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.original.statistics import COLUMNS
from tokenlayer.text.alphabet import Alphabet

Train = Callable[..., Recorded]

EPOCHS = 2
STEPS = EPOCHS * STEPS_PER_EPOCH
EVERY = {"recorded": (10, 20), "original": (1, 7)}
"""Steps between two rows, and between two metrics, of gradients and values."""
METRICS = {"loss", "accuracy", "balanced_accuracy", "f1", "auroc"}


def two_epochs(
    settings: Sequence[str], every: tuple[int, int], output_dir: Path, empty_database: Path
) -> tuple[Store, Recorded]:
    """A run with everything switched on."""
    output_dir.mkdir()
    shutil.copyfile(empty_database, output_dir / "mlflow.db")
    overrides = [f"trainer.max_epochs={EPOCHS}", "callbacks.checkpoints.keep=all", f"output_dir={output_dir}"]
    strides = [
        f"callbacks.{name}.{setting}={steps}"
        for name in ("grads_log", "vals_log")
        for setting, steps in zip(("every", "metrics_every"), every, strict=True)
    ] + ["callbacks.training_log.metrics_every=25"]
    assert main(["train", *settings, *overrides, *strides]) == 0
    store = Store(output_dir)
    (run,) = store.runs()
    return store, run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[Store, Recorded]:
    """The recommended setting."""
    return two_epochs(
        without("callbacks"), EVERY["recorded"], tmp_path_factory.mktemp("train") / "outputs", empty_database
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[Store, Recorded]:
    settings = without("callbacks", settings=ORIGINAL)
    output_dir = tmp_path_factory.mktemp("original") / "outputs"
    return two_epochs(settings, EVERY["original"], output_dir, empty_database)


def check_places(log: pd.DataFrame, every: int) -> None:
    assert list(log.columns[:3]) == ["step", "epoch", "batch"]
    steps = range(0, STEPS, every)
    assert log["step"].tolist() == list(steps)
    assert log["epoch"].tolist() == [step // STEPS_PER_EPOCH for step in steps]
    assert log["batch"].tolist() == [step % STEPS_PER_EPOCH for step in steps]


@pytest.mark.parametrize("name", ["grads_log", "vals_log"])
def test_statistics_by_the_models_own_names(recorded: tuple[Store, Recorded], name: str) -> None:
    log = recorded[1].log(name)
    check_places(log, every=10)
    parts = {column.rpartition("_")[0] for column in log.columns[3:]}
    named = {"embedding", "head.out", "embedding.weight", "head.out.weight", "head.out.bias"}
    assert parts == named | ({"tokenization"} if name == "vals_log" else set())
    for column in log.columns[3:]:
        assert log[column].notna().all()
        assert log[column].nunique() > len(log) // 2, column


@pytest.mark.parametrize("name", ["grads_log", "vals_log"])
def test_of_the_original_exactly_its_20_columns(original: tuple[Store, Recorded], name: str) -> None:
    log = original[1].log(name)
    check_places(log, every=1)
    assert tuple(log.columns[3:]) == COLUMNS
    assert len(COLUMNS) == 20
    assert log.notna().all(axis=None)
    assert (log[[column for column in COLUMNS if column.endswith("_std")]] >= 0).all(axis=None)
    assert log["patterns_std"].gt(0).any()


@pytest.mark.parametrize("setting", ["recorded", "original"])
def test_strided_copies_are_metrics_with_the_values_of_the_tables(setting: str, request: pytest.FixtureRequest) -> None:
    store, run = request.getfixturevalue(setting)
    constant = {"out_std", "out_bias_std"} if setting == "original" else set()
    for kind, name in (("gradients", "grads_log"), ("values", "vals_log")):
        log = run.log(name).set_index("step")
        for column in set(log.columns[2:]) - constant:
            history = store.history(run.run_id, f"watch/{kind}/{column}")
            steps = list(range(0, STEPS, EVERY[setting][1]))
            assert [step for step, _ in history] == steps
            np.testing.assert_allclose([value for _, value in history], log[column].loc[steps], rtol=1e-6)


def test_the_originals_patterns_are_in_its_checkpoints(original: tuple[Store, Recorded]) -> None:
    """Real-valued, and moved by their gradient, though no character has changed in so few steps."""
    folder = original[1].artifacts / "checkpoints"
    first, last = (
        torch.load(folder / name, weights_only=True)["state_dict"]["model.tokenization.patterns"]
        for name in ("step_00000004.ckpt", "last.ckpt")
    )
    assert first.shape[1:] == (4, 30)
    assert not torch.equal(first, last)
    log = original[1].log("patterns_log")
    assert log["gradient"].gt(0).any()
    assert log["pattern"].str.len().eq(4).all()


def test_the_vocabulary_of_the_checkpoint_is_that_of_the_edits(recorded: tuple[Store, Recorded]) -> None:
    run = recorded[1]
    edits, log = run.log("edits"), run.log("patterns_log")
    assert set(edits["step"]) <= set(range(STEPS))
    saved = torch.load(run.artifacts / "checkpoints" / "last.ckpt", weights_only=True)
    vocabulary = Vocabulary(saved["state_dict"]["model.tokenization.codes"])
    expected = log[log["step"] == 0].set_index("neuron")["pattern"].to_dict()
    for edit in edits.itertuples():
        assert expected[edit.neuron] == edit.previous
        expected[edit.neuron] = edit.pattern
    assert vocabulary.decode(Alphabet(saved["tokenlayer"]["alphabet"])) == [expected[n] for n in range(30)]
    assert len(edits) > 10


def test_patterns_every_ten_batches_of_an_epoch(recorded: tuple[Store, Recorded]) -> None:
    log = recorded[1].log("patterns_log")
    assert log["step"].unique().tolist() == [0, 10, 17, 27]
    assert log.groupby("step")["neuron"].apply(list).tolist() == [list(range(30))] * 4
    assert log["pattern"].str.len().eq(4).all()
    assert np.stack(log["embedding"]).shape == (4 * 30, 1)
    assert log["gradient"].gt(0).any()


def test_patterns_open_as_a_table_in_the_ui(recorded: tuple[Store, Recorded]) -> None:
    _, run = recorded
    tables = sorted((run.artifacts / "patterns").glob("step_*.json"))
    table = json.loads(tables[-1].read_text())
    assert table["columns"] == ["neuron", "pattern", "gradient", "matches", "embedding"]
    assert tables[-1].name == f"step_{STEPS:06d}.json"
    # The browser would swallow the spaces at the ends of a pattern.
    last = torch.load(run.artifacts / "checkpoints" / "last.ckpt", weights_only=True)
    codes = last["state_dict"]["model.tokenization.codes"]
    final = Vocabulary(codes).decode(Alphabet(last["tokenlayer"]["alphabet"]))
    shown = {row[0]: row[1] for row in table["data"]}
    assert shown == {n: pattern.rstrip("█").replace(" ", "␣") for n, pattern in enumerate(final) if pattern.strip("█")}
    assert all(row[2] is row[3] is None for row in table["data"])
    log = run.log("patterns_log").set_index(["step", "neuron"])["pattern"]
    before = json.loads(tables[-2].read_text())
    step = int(tables[-2].stem.removeprefix("step_"))
    assert {row[0]: row[1] for row in before["data"]} == log[step].str.rstrip("█").str.replace(" ", "␣").to_dict()
    assert any("␣" in row[1] for row in table["data"])
    logged = {entry["path"] for entry in json.loads(run.run.data.tags["mlflow.loggedArtifacts"])}
    assert logged >= {f"patterns/{path.name}" for path in tables} | {"tokens/effects.json"}


def test_checkpoints_five_an_epoch_best_and_last(recorded: tuple[Store, Recorded]) -> None:
    names = {path.name for path in (recorded[1].artifacts / "checkpoints").iterdir()}
    stride = STEPS_PER_EPOCH // 5
    batches = [batch for batch in range(1, STEPS_PER_EPOCH) if batch % stride == 0]
    steps = [epoch * STEPS_PER_EPOCH + batch + 1 for epoch in range(EPOCHS) for batch in batches]
    assert names == {"best.ckpt", "last.ckpt"} | {f"step_{step:08d}.ckpt" for step in steps}


def test_metrics_of_all_phases(recorded: tuple[Store, Recorded]) -> None:
    store, run = recorded
    metrics = run.run.data.metrics
    for phase in ("validation", "test"):
        logged = {name.removeprefix(f"{phase}/") for name in metrics if name.startswith(f"{phase}/")}
        assert logged == METRICS | {"tokens_read"}
    assert {f"train/{name}" for name in METRICS} <= metrics.keys()
    ends = [STEPS_PER_EPOCH - 1, STEPS - 1]
    assert [step for step, _ in store.history(run.run_id, "validation/accuracy")] == ends
    assert [step for step, _ in store.history(run.run_id, "train/accuracy")] == sorted({0, 25, *ends})
    losses = run.log("train_log").set_index("step")["loss"]
    for step, value in store.history(run.run_id, "train/loss"):
        assert value == pytest.approx(losses[step])


def test_predictions_agree_with_the_test_accuracy(recorded: tuple[Store, Recorded]) -> None:
    _, run = recorded
    frame = pd.read_parquet(run.artifacts / "predictions" / "test.parquet")
    assert list(frame.columns) == ["text_id", "label", "prediction", "probability_class_0", "probability_class_1"]
    assert len(frame) == 30
    assert frame["text_id"].is_unique
    assert (frame["label"] == frame["prediction"]).mean() == pytest.approx(run.run.data.metrics["test/accuracy"])
    np.testing.assert_allclose(frame["probability_class_0"] + frame["probability_class_1"], 1)


def test_where_the_run_comes_from(recorded: tuple[Store, Recorded]) -> None:
    _, run = recorded
    assert run.run.info.status == "FINISHED"
    resolved = yaml.safe_load((run.artifacts / "config" / "resolved.yaml").read_text())
    assert resolved["model"]["vocab_size"] == 30
    assert yaml.safe_load((run.artifacts / "config" / "overrides.yaml").read_text())[0] == "dataset=planted"
    assert run.run.data.params["model.vocab_size"] == "30"
    assert len(run.run.data.tags["dataset.fingerprint"]) >= 16
    truth = json.loads((run.artifacts / "dataset" / "report.json").read_text())["ground_truth"]
    assert set(truth["patterns"]) == {"class_0", "class_1"}


def test_metrics_of_statistics_come_last_and_none_is_constant(
    recorded: tuple[Store, Recorded], original: tuple[Store, Recorded]
) -> None:
    for _, run in (recorded, original):
        # MLflow's UI has a section for what stands before the last slash, in this order.
        sections = sorted({key.rpartition("/")[0] for key in run.run.data.metrics})
        assert sections[-3:] == ["validation", "watch/gradients", "watch/values"]
        assert sections.index("test") < sections.index("train") < sections.index("validation")
    for kind, name in (("gradients", "grads_log"), ("values", "vals_log")):
        logged = {key.rpartition("/")[2] for key in original[1].run.data.metrics if key.startswith(f"watch/{kind}/")}
        assert logged == set(COLUMNS) - {"out_std", "out_bias_std"}
        log = original[1].log(name)
        assert log[["out_std", "out_bias_std"]].eq(0).all(axis=None)
        assert log[list(logged)].nunique().gt(1).all()


def test_figures(recorded: tuple[Store, Recorded]) -> None:
    names = {path.name for path in (recorded[1].artifacts / "figures").iterdir()}
    logs = {"loss_accuracy.png", "grads_log.png", "vals_log.png", "pattern_turnover.png"}
    assert names == logs | {"biography.png", "final_tokens.png"}


@pytest.mark.parametrize(("setting", "settings"), [("recorded", TINY), ("original", ORIGINAL)])
def test_the_same_run_twice_gives_the_same_weights(
    setting: str, settings: Sequence[str], train: Train, request: pytest.FixtureRequest
) -> None:
    _, run = request.getfixturevalue(setting)
    again = train(f"trainer.max_epochs={EPOCHS}", tiny=settings)
    first, second = (torch.load(one.artifacts / "checkpoints" / "last.ckpt", weights_only=True) for one in (run, again))
    assert first["global_step"] == second["global_step"] == STEPS
    for name, value in first["state_dict"].items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, second["state_dict"][name]), name


def test_four_classes(train: Train) -> None:
    run = train("dataset.n_classes=4", "dataset.n_patterns=3", "trainer.max_epochs=1")
    assert {"test/accuracy", "test/f1", "test/balanced_accuracy"} <= run.run.data.metrics.keys()
    frame = pd.read_parquet(run.artifacts / "predictions" / "test.parquet")
    assert [column for column in frame if column.startswith("probability_")] == [
        f"probability_class_{i}" for i in range(4)
    ]


def test_callbacks_can_be_taken_away(train: Train) -> None:
    tiny = without("callbacks")
    away = ("callbacks.grads_log=null", "~callbacks.figures", "~callbacks.token_history")
    run = train(*away, "trainer.max_steps=2", tiny=tiny)
    assert not (run.artifacts / "logs" / "grads_log").exists()
    assert not (run.artifacts / "figures").exists()
    assert run.log("vals_log")["step"].tolist() == [0]
    assert run.log("train_log")["step"].tolist() == [0, 1]
