"""`tokenlayer.load`: what names a model, and what does not."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import STEPS_PER_EPOCH, TINY, Recorded, Store

import tokenlayer
from tokenlayer.cli.main import main
from tokenlayer.errors import InputError
from tokenlayer.tracking.uri import default_uri

Trained = tuple[Store, Recorded]
TEXTS = ["a lovely film", "awful"]


def test_every_name_of_a_run_and_its_checkpoint(trained: Trained, tmp_path: Path) -> None:
    store, run = trained
    model = tokenlayer.load(run.run_id, output_dir=store.output_dir)
    assert isinstance(model, tokenlayer.TrainedModel)
    assert model.run_id == run.run_id
    assert model.class_names == ("neg", "pos")
    assert not model.network.training
    expected = model.predict_proba(TEXTS)
    assert model.predict(TEXTS).tolist() == ["pos", "neg"]
    checkpoint = shutil.copyfile(run.artifacts / "checkpoints" / "best.ckpt", tmp_path / "mine.ckpt")
    for loaded in (
        tokenlayer.load(run.run_id[:12], output_dir=str(store.output_dir)),
        tokenlayer.load(run.run.info.run_name, tracking_uri=default_uri(store.output_dir)),
        tokenlayer.load(checkpoint),
        tokenlayer.load(str(checkpoint)),
    ):
        np.testing.assert_array_equal(loaded.predict_proba(TEXTS), expected)
        assert loaded.tokens.equals(model.tokens)
    assert tokenlayer.load(checkpoint).run_id is None


def test_the_last_weights_where_these_were_tested(store: Store) -> None:
    """With the loss that is the largest as the best, the first validation is: last and best are told apart."""
    settings = ["test_weights=last", "callbacks.checkpoints.mode=max", "trainer.max_epochs=3"]
    assert main(["train", *TINY, *settings, f"output_dir={store.output_dir}"]) == 0
    (run,) = store.runs()
    loaded = tokenlayer.load(run.run_id, output_dir=store.output_dir).predict_proba(TEXTS)
    last, best = (tokenlayer.load(run.artifacts / "checkpoints" / f"{name}.ckpt") for name in ("last", "best"))
    np.testing.assert_array_equal(loaded, last.predict_proba(TEXTS))
    assert abs(loaded - best.predict_proba(TEXTS)).max() > 1e-4
    assert main(["evaluate", f"run={run.run_id}", f"output_dir={store.output_dir}"]) == 0
    (again,) = (other for other in store.runs() if other.run_id != run.run_id)
    assert again.run.data.metrics["test/loss"] == pytest.approx(run.run.data.metrics["test/loss"], rel=1e-6)
    with pytest.raises(InputError, match=f"is an evaluation, and has no model: name {run.run_id}"):
        tokenlayer.load(again.run_id, output_dir=store.output_dir)
    (served,) = store.client.search_logged_models([run.run.info.experiment_id], f"source_run_id = '{run.run_id}'")
    assert served.tags["tokenlayer.step"] == str(3 * STEPS_PER_EPOCH)
    assert served.tags["tokenlayer.checkpoint"].endswith("/checkpoints/last.ckpt")
    figures = {metric.key: metric.value for metric in served.metrics}
    assert figures["test/loss"] == pytest.approx(run.run.data.metrics["test/loss"])


def test_the_last_weights_where_no_validation_follows_them(store: Store) -> None:
    """They are in a checkpoint all the same; and nothing but the configuration says which is the run's model."""
    settings = ["test_weights=last", "callbacks.provenance=null", "trainer.val_check_interval=4"]
    batches = ["trainer.limit_train_batches=6", "trainer.max_epochs=2"]
    assert main(["train", *TINY, *settings, *batches, f"output_dir={store.output_dir}"]) == 0
    (run,) = store.runs()
    (served,) = store.client.search_logged_models([run.run.info.experiment_id], f"source_run_id = '{run.run_id}'")
    assert served.tags["tokenlayer.step"] == "12"
    last, best = (tokenlayer.load(run.artifacts / "checkpoints" / f"{name}.ckpt") for name in ("last", "best"))
    loaded = tokenlayer.load(run.run_id, output_dir=store.output_dir).predict_proba(TEXTS)
    np.testing.assert_array_equal(loaded, last.predict_proba(TEXTS))
    assert abs(loaded - best.predict_proba(TEXTS)).max() > 0
    assert main(["evaluate", f"run={run.run_id}", f"output_dir={store.output_dir}"]) == 0
    (again,) = (other for other in store.runs() if other.run_id != run.run_id)
    assert again.run.data.metrics["test/loss"] == pytest.approx(run.run.data.metrics["test/loss"], rel=1e-6)


def test_a_run_without_a_model_and_two_that_are_meant(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = store.client.create_experiment("some")
    for _ in range(2):
        store.client.create_run(experiment, run_name="twins")
    lone = store.client.create_run(experiment, run_name="lone")
    with pytest.raises(InputError, match=rf"run {lone.info.run_id} has no model: .* no artifact 'checkpoints/"):
        tokenlayer.load(lone.info.run_id, output_dir=store.output_dir)
    with pytest.raises(InputError, match="twins"):
        tokenlayer.load("twins", output_dir=store.output_dir)
    with pytest.raises(InputError, match="there is no run 'nosuch'"):
        tokenlayer.load("nosuch", output_dir=store.output_dir)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"no run 'empty'.* and the folder empty has no config\.json"):
        tokenlayer.load("empty", output_dir=store.output_dir)
    with pytest.raises(InputError, match="no such checkpoint file"):
        tokenlayer.load(store.output_dir / "no.ckpt")
