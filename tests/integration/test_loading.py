"""`tokenlayer.load`: what names a model, and what does not."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import Recorded, Store

import tokenlayer
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


def test_a_run_without_a_model_and_two_that_are_meant(store: Store) -> None:
    experiment = store.client.create_experiment("some")
    for _ in range(2):
        store.client.create_run(experiment, run_name="twins")
    lone = store.client.create_run(experiment, run_name="lone")
    with pytest.raises(InputError, match=r"has no artifact 'checkpoints/"):
        tokenlayer.load(lone.info.run_id, output_dir=store.output_dir)
    with pytest.raises(InputError, match="twins"):
        tokenlayer.load("twins", output_dir=store.output_dir)
    with pytest.raises(InputError, match="there is no run 'nosuch'"):
        tokenlayer.load("nosuch", output_dir=store.output_dir)
    with pytest.raises(InputError, match="no such checkpoint file"):
        tokenlayer.load(store.output_dir / "no.ckpt")
