"""A model as MLflow loads it, and its server's answers to whatever may be asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import torch
from fastapi.testclient import TestClient
from mlflow.pyfunc import PyFuncModel, scoring_server
from model_folders import folder_of, model_folder
from saved_models import saved_model_of

from tokenlayer.inference.served_model import MOST_EXPLAINED
from tokenlayer.inference.trained_model import TrainedModel

TEXTS = ["Banana wolf! <br />", "", "x" * 500]
Ask = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="module")
def served(folder: Path) -> PyFuncModel:
    return mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)


@pytest.fixture(scope="module")
def trained(folder: Path) -> TrainedModel:
    model: TrainedModel = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True).unwrap_python_model()._model
    return model


@pytest.fixture(scope="module")
def ask(served: PyFuncModel) -> Ask:
    """Sends a request to MLflow's server, in this process."""
    client = TestClient(scoring_server.init(served), raise_server_exceptions=False)

    def send(body: dict[str, Any]) -> Any:
        return client.post("/invocations", content=json.dumps(body), headers={"Content-Type": "application/json"})

    return send


@pytest.mark.parametrize(
    "given", [TEXTS, np.array(TEXTS, object), pd.Series(TEXTS), pd.DataFrame({"text": TEXTS}, index=[5, 5, 1])]
)
def test_it_says_what_the_trained_model_says(served: PyFuncModel, trained: TrainedModel, given: Any) -> None:
    table = served.predict(given)
    assert table.columns.tolist() == ["prediction", "probability_class_0", "probability_class_1"]
    assert table["prediction"].tolist() == trained.predict(TEXTS).tolist()
    np.testing.assert_array_equal(table.iloc[:, 1:].to_numpy(), trained.predict_proba(TEXTS))


def test_tokens_and_their_effects_are_told_when_asked_for(served: PyFuncModel, trained: TrainedModel) -> None:
    text = " ".join(trained.tokens["token"])
    expected = trained.explain(text).tokens
    assert len(expected) > 10
    for top in (None, 3):
        params = {"explain": True} | ({} if top is None else {"top": top})
        found = served.predict([text, ""], params=params)["tokens"].tolist()
        assert found[1] == []
        assert found[0] == [
            {"token": t.pattern, "matches": t.matches, "effect": t.effect, "towards": t.towards}
            for t in expected[: top or 10]
        ]


def test_its_signature_and_its_example_are_of_use(served: PyFuncModel) -> None:
    table = served.predict(served.input_example, params={"explain": True})
    assert [column.name for column in served.metadata.signature.outputs] == table.columns.tolist()
    assert [param.name for param in served.metadata.signature.params] == ["explain", "top"]


ACCEPTED = [
    {"inputs": ["a", "b"]},
    {"instances": ["a", "b"]},
    {"dataframe_records": [{"text": "a"}, {"text": "b"}]},
    {"dataframe_split": {"columns": ["text"], "data": [["a"], ["b"]]}},
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_a_server_takes_lists_and_tables(ask: Ask, trained: TrainedModel, body: dict[str, Any]) -> None:
    answer = ask({**body, "params": {"explain": True, "top": 1}})
    assert answer.status_code == 200
    rows = answer.json()["predictions"]
    assert [row["prediction"] for row in rows] == trained.predict(["a", "b"]).tolist()
    assert all(len(row["tokens"]) <= 1 for row in rows)


REFUSED = [
    ({"inputs": [None]}, "texts[0] is None, no text"),
    ({"inputs": ["a", float("nan")]}, "texts[1] is nan, no text"),
    ({"inputs": ["a", 5]}, "texts[1] is 5, no text"),
    ({"inputs": [["a"], [["b"]]]}, "texts[1] is a list, no text"),
    ({"inputs": ["\ud800"]}, "surrogates not allowed"),
    ({"inputs": []}, "missing inputs"),
    ({"dataframe_split": {"columns": ["text"], "data": []}}, "the list is empty: give at least one text"),
    ({"dataframe_records": [{"text": None}]}, "texts[0] is None, no text"),
    ({"dataframe_records": [{"titel": "a"}]}, "columns: 'titel': give a list of texts, or a table with the one column"),
    ({"dataframe_records": [{"id": 1, "text": "a"}]}, "columns: 'id': give a list of texts"),
    ({"texts": ["a"]}, "exactly one of the input fields"),
    ({"inputs": ["a"], "params": {"explain": "yes"}}, "explain"),
    ({"inputs": ["a"], "params": {"top": 0}}, "top=0: must be at least 1"),
    ({"inputs": ["a"] * (MOST_EXPLAINED + 1), "params": {"explain": True}}, f"explain: {MOST_EXPLAINED + 1} texts"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_what_is_wrong_is_said_and_the_server_goes_on(ask: Ask, body: dict[str, Any], message: str) -> None:
    answer = ask(body)
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert ask({"inputs": ["a"]}).status_code == 200


def test_weights_that_run_code_are_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    torch.save({"tokenlayer": {}, "state_dict": {"x": print}}, folder / "weights.ckpt")
    with pytest.raises(Exception, match=r"no checkpoint of tokenlayer, or a damaged one"):
        mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)


def test_the_same_model_makes_the_same_files(tmp_path: Path) -> None:
    saved = saved_model_of()
    one, other = (folder_of(saved, tmp_path / name) for name in ("one", "other"))
    names = sorted(path.relative_to(one).as_posix() for path in one.rglob("*") if path.is_file())
    assert [name for name in names if (one / name).read_bytes() != (other / name).read_bytes()] == []
    assert str(tmp_path) not in (one / "MLmodel").read_text(encoding="utf-8")
    assert not [name for name in names if name.endswith((".pkl", ".pickle"))]


def test_packages_of_its_own_parts_are_named_to_it(tmp_path: Path) -> None:
    saved = saved_model_of()
    saved.header["config"]["learning_rule"]["_target_"] = "mlflow.rules.Rule"
    with pytest.raises(Exception, match=r"mlflow.rules.Rule is outside tokenlayer, torch"):
        mlflow.pyfunc.load_model(str(folder_of(saved, tmp_path / "one")), suppress_warnings=True)
    with pytest.raises(Exception, match=r"mlflow has no rules"):
        mlflow.pyfunc.load_model(str(folder_of(saved, tmp_path / "two", ["mlflow"])), suppress_warnings=True)
