"""Runs that are stopped and resumed are the runs that were not stopped, bit for bit."""

import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest
import torch
from commands import Server
from tiny_runs import ORIGINAL, STEPS_PER_EPOCH, TINY, Recorded, Store, without

from tokenlayer.cli.main import main
from tokenlayer.training.callbacks.checkpoints_callback import BEST

EPOCHS = 2
MODULE = "tokenlayer.training.module:TokenizationModule"


def stop_at(step: int, signal_name: str) -> list[str]:
    return [
        f"+callbacks.stop_at={{_target_: stop_at.StopAtConfig, step: {step}, signal_name: {signal_name}}}",
        "allow_targets=[stop_at]",
    ]


@dataclass(frozen=True)
class Whole:
    """The run that nobody stops, in a store of its own."""

    store: Store
    run: Recorded


def trained_whole(settings: Sequence[str], folder: Path, empty_database: Path) -> Whole:
    store = Store(folder)
    shutil.copyfile(empty_database, store.output_dir / "mlflow.db")
    assert main(["train", *settings, f"output_dir={store.output_dir}", f"trainer.max_epochs={EPOCHS}"]) == 0
    return Whole(store, store.runs()[0])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Whole:
    return trained_whole(TINY, tmp_path_factory.mktemp("whole"), empty_database)


@pytest.fixture(scope="module")
def whole_original(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Whole:
    return trained_whole(ORIGINAL, tmp_path_factory.mktemp("original"), empty_database)


def entities(store: Store, run_id: str) -> tuple[object, ...]:
    """What MLflow keeps of a run beside artifacts and metrics: its dataset, its model with figures, its options."""
    run = store.client.get_run(run_id)
    (dataset,) = (found.dataset for found in run.inputs.dataset_inputs)
    (model,) = store.client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run_id}'")
    figures = sorted((m.key, m.value, m.step, m.dataset_digest) for m in model.metrics)
    options = {key: value for key, value in run.data.params.items() if key.startswith("group.")}
    assert not [tag for tag in run.data.tags if tag.startswith("resumed.group")]
    return (dataset.name, dataset.digest), (model.name, model.params, figures), options


def assert_same(run: Recorded, store: Store, whole: Whole) -> None:
    ours, theirs = (
        torch.load(recorded.artifacts / "checkpoints" / "last.ckpt", weights_only=True) for recorded in (run, whole.run)
    )
    assert ours["global_step"] == theirs["global_step"]
    for name, value in theirs["state_dict"].items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(ours["state_dict"][name], value), name
    for name in ("grads_log", "vals_log", "train_log", "patterns_log"):
        pd.testing.assert_frame_equal(run.log(name), whole.run.log(name))
    assert entities(store, run.run_id) == entities(whole.store, whole.run.run_id)
    gradient = next(key for key in whole.run.run.data.metrics if key.startswith("watch/gradients/"))
    for key in ("train/loss", "train/accuracy", "train/f1", "validation/loss", "test/accuracy", gradient):
        assert store.history(run.run_id, key) == whole.store.history(whole.run.run_id, key), key


@pytest.mark.parametrize(
    ("signal_name", "settings", "unbroken"),
    [("SIGINT", TINY, "whole"), ("SIGTERM", without("callbacks", settings=ORIGINAL), "whole_original")],
    ids=["SIGINT", "SIGTERM"],
)
def test_asked_to_stop_it_commits_the_step_and_goes_on_from_there(
    signal_name: str, settings: Sequence[str], unbroken: str, store: Store, request: pytest.FixtureRequest
) -> None:
    step = STEPS_PER_EPOCH + 5
    place = [f"output_dir={store.output_dir}", f"trainer.max_epochs={EPOCHS}"]
    arguments = [*settings, *place, *stop_at(step, signal_name)]
    assert main(["train", *arguments]) == 130
    stopped = store.runs()[-1]
    assert stopped.run.info.status == "KILLED"
    assert stopped.log("train_log")["step"].max() == step

    resume = ["train", f"resume={stopped.run_id}", f"output_dir={store.output_dir}", "callbacks.stop_at=null"]
    assert main(resume) == 0
    resumed = store.runs()[-1]
    assert resumed.run_id == stopped.run_id
    assert resumed.run.info.status == "FINISHED"
    assert_same(resumed, store, request.getfixturevalue(unbroken))
    figures = {path.name for path in resumed.artifacts.glob("figures/*.png")}
    assert ("vals_log.png" in figures) is ("callbacks.figures=null" not in settings)


def test_killed_it_goes_on_from_its_last_commit(whole: Whole, store: Store, server: Server) -> None:
    arguments = [*TINY, f"output_dir={store.output_dir}", f"trainer.max_epochs={EPOCHS}"]
    done = server.run("train", *arguments, faults=[(f"{MODULE}.training_step", 12, ["SIGKILL"])])
    assert done.code == -signal.SIGKILL, done.printed
    killed = store.runs()[-1]
    assert killed.run.info.status == "RUNNING"  # nobody was left to say otherwise

    assert main(["train", f"resume={killed.run_id}", f"output_dir={store.output_dir}"]) == 0
    assert_same(store.runs()[-1], store, whole)


EDITING = ("learning_rule=random_regrow", "learning_rule.ngram_lengths=[2,3,4]")
EDITED_METRICS = ("rule/replaced", "tokens/turnover", "tokens/redundancy", "validation/loss")


def test_what_a_rule_has_replaced_is_known_after_a_stop(train: Callable[..., Recorded], store: Store) -> None:
    tiny = [setting for setting in without("learning_rule") if setting != "callbacks.token_history=null"]
    epochs = f"trainer.max_epochs={EPOCHS}"
    unbroken = train(*EDITING, epochs, tiny=tiny)
    arguments = [*tiny, *EDITING, epochs, f"output_dir={store.output_dir}", *stop_at(STEPS_PER_EPOCH + 5, "SIGINT")]
    assert main(["train", *arguments]) == 130
    stopped = store.runs()[-1]
    assert len(stopped.log("edits")) < len(unbroken.log("edits"))
    assert main(["train", f"resume={stopped.run_id}", f"output_dir={store.output_dir}", "callbacks.stop_at=null"]) == 0
    resumed = store.runs()[-1]
    edits = resumed.log("edits")
    pd.testing.assert_frame_equal(edits, unbroken.log("edits"))
    late = edits[edits["step"] > STEPS_PER_EPOCH + 5]
    assert (late["age"] <= late["step"]).any()  # of tokens that were born before the stop, not with the run
    for key in EDITED_METRICS:
        assert store.history(resumed.run_id, key) == store.history(unbroken.run_id, key), key
    lives, expected = (pd.read_parquet(run.artifacts / "tokens" / "biography.parquet") for run in (resumed, unbroken))
    pd.testing.assert_frame_equal(lives, expected)


def test_a_finished_run_can_be_given_more_epochs(
    whole_original: Whole, train: Callable[..., Recorded], store: Store
) -> None:
    """With a constant learning rate, and a rule that heeds no length of the training. Its model goes with it."""
    registered = ("tracking.registered_model=films", "tracking.model_alias=champion")
    short = train("trainer.max_epochs=1", *registered, tiny=ORIGINAL)
    assert main(["train", f"resume={short.run_id}", f"output_dir={store.output_dir}", "trainer.max_epochs=2"]) == 0
    longer = next(run for run in store.runs() if run.run_id == short.run_id)
    pd.testing.assert_frame_equal(longer.log("vals_log"), whole_original.run.log("vals_log"))
    (version,) = store.client.search_model_versions("name = 'films'")
    assert version.run_id == store.client.get_model_version_by_alias("films", "champion").run_id == short.run_id
    weights = Path(urlsplit(version.source).path) / "weights.ckpt"
    best, served = (torch.load(path, weights_only=True) for path in (longer.artifacts / BEST, weights))
    for name, value in served["state_dict"].items():
        assert torch.equal(best["state_dict"][name], value), name


def test_what_the_checkpoint_fixes_cannot_be_changed(
    train: Callable[..., Recorded], store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train("trainer.max_steps=2")
    place = f"output_dir={store.output_dir}"
    assert main(["train", f"resume={run.run_id}", place, "model.vocab_size=31", "dataset.text_length=50"]) == 2
    error = capsys.readouterr().err
    assert "model.vocab_size" in error
    assert "dataset.text_length" in error


def test_a_learning_rate_that_has_come_to_its_end_takes_no_more_epochs(
    train: Callable[..., Recorded], store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train("trainer.max_epochs=2", "trainer.max_steps=5")
    resume = ["train", f"resume={run.run_id}", f"output_dir={store.output_dir}"]
    for epochs in (3, -1):
        assert main([*resume, f"trainer.max_epochs={epochs}", "trainer.max_steps=8"]) == 2
        assert f"trainer.max_epochs: cannot become {epochs}" in (error := capsys.readouterr().err)
        assert "after 2 epochs (lr_scheduler.T_max=" in error
    by_name = [text.replace(run.run_id, run.run.info.run_name) for text in resume]
    assert main([*by_name, "trainer.max_steps=8"]) == 0
    (resumed,) = store.runs()
    assert resumed.run_id == run.run_id
    assert f"\nrun {run.run_id}\n" in capsys.readouterr().out


def test_a_run_ended_by_max_steps_within_an_epoch_can_go_on(
    whole: Whole, train: Callable[..., Recorded], store: Store
) -> None:
    short = train("trainer.max_steps=5", f"trainer.max_epochs={EPOCHS}")
    assert main(["train", f"resume={short.run_id}", f"output_dir={store.output_dir}", "trainer.max_steps=-1"]) == 0
    longer = next(run for run in store.runs() if run.run_id == short.run_id)
    for name in ("grads_log", "vals_log", "train_log", "patterns_log"):
        pd.testing.assert_frame_equal(longer.log(name), whole.run.log(name))
