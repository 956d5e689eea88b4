"""The model of a run of the real command, as MLflow has it."""

import shlex
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import mlflow.pyfunc
import numpy as np
import pytest
import torch
from tiny_runs import Recorded, Store

import tokenlayer
from tokenlayer.training.callbacks.checkpoints_callback import BEST

TEXTS = ["good film", "a bad one", ""]


def test_mlflow_has_the_model_that_tokenlayer_loads(trained: tuple[Store, Recorded]) -> None:
    store, run = trained
    (model,) = store.client.search_logged_models([run.run.info.experiment_id], f"source_run_id = '{run.run_id}'")
    files = {file.path for file in store.client.list_logged_model_artifacts(model.model_id)}
    assert {"MLmodel", "model.py", "requirements.txt", "code", "weights.ckpt"} <= files
    folder = Path(urlsplit(model.artifact_location).path)
    table = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True).predict(TEXTS)
    loaded = tokenlayer.load(run.run_id, output_dir=store.output_dir)
    np.testing.assert_array_equal(table.iloc[:, 1:].to_numpy(), loaded.predict_proba(TEXTS))
    assert table["prediction"].tolist() == loaded.predict(TEXTS).tolist()

    weights = torch.load(folder / "weights.ckpt", weights_only=True)
    checkpoint = torch.load(run.artifacts / BEST, weights_only=True)
    assert weights["tokenlayer"] == checkpoint["tokenlayer"]
    assert set(weights) == {"tokenlayer", "state_dict"}
    assert all(name.startswith("model.") for name in weights["state_dict"])


def test_the_end_of_a_training_says_how_its_model_is_served(
    train: Callable[..., Recorded], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["tracking.registered_model=hidden", "tracking.model_alias=champion"]
    run = train("trainer.max_epochs=1", *names)
    *_, registered, serve = capsys.readouterr().out.splitlines()
    assert registered == "registered as hidden version 1 (@champion)"
    assert serve.startswith("serve it with: ")
    place, *words = shlex.split(serve.removeprefix("serve it with: "))
    variable, _, address = place.partition("=")
    mlflow.set_tracking_uri(None)
    monkeypatch.setenv(variable, address)
    model = mlflow.pyfunc.load_model(words[words.index("-m") + 1], suppress_warnings=True)
    assert model.metadata.run_id == run.run_id
    assert model.predict(TEXTS)["prediction"].isin(["class_0", "class_1"]).all()
