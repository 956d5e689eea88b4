"""The tokens of a model and their weights, as its checkpoint tells them."""

import numpy as np
import pytest
import torch
from saved_models import saved_model_of

from tokenlayer.inference.token_listing import token_table_shown, tokens_as_csv, tokens_as_json
from tokenlayer.inference.trained_model import TrainedModel

NASTY = ["=cmd()", "\x1b[31m\u202e", "c"]


def test_two_classes_have_one_weight_a_token() -> None:
    saved = saved_model_of()
    tokens = TrainedModel(saved).tokens
    assert tokens.columns.tolist() == ["token", "weight", "towards"]
    expected = saved.weights["model.embedding.weight"] @ saved.weights["model.head.out.weight"].T
    np.testing.assert_allclose(tokens["weight"], expected[:, 0], rtol=1e-6)
    names = saved.header["class_names"]
    assert tokens["towards"].tolist() == [names[int(weight > 0)] for weight in expected[:, 0]]


def test_several_classes_have_one_each_against_the_mean() -> None:
    saved = saved_model_of("dataset.n_classes=3")
    tokens = TrainedModel(saved).tokens
    names = saved.header["class_names"]
    assert tokens.columns.tolist() == ["token", "weight", "towards", *(f"weight {name}" for name in names)]
    change = (saved.weights["model.embedding.weight"] @ saved.weights["model.head.out.weight"].T).numpy()
    relative = change - change.mean(1, keepdims=True)
    np.testing.assert_allclose(tokens[[f"weight {name}" for name in names]], relative, atol=1e-6)
    np.testing.assert_allclose(tokens["weight"], relative.max(1), atol=1e-6)
    assert tokens["towards"].tolist() == [names[c] for c in relative.argmax(1)]


@pytest.mark.parametrize(
    "settings", [["model.head.pooling=mean"], ["model/head=conv", "model.head.over=positions", "model.embedding_dim=4"]]
)
def test_heads_without_such_weights_are_read_by_their_gradient(settings: list[str]) -> None:
    model = TrainedModel(saved_model_of(*settings))
    tokens = model.tokens
    assert tokens["weight"].abs().gt(0).all()
    assert tokens["weight"].equals(model.tokens["weight"]), "the same each time"
    if "mean" in settings[0]:  # of texts of one token and what it holds, not of one match
        assert set(np.sign(tokens["weight"])) == {-1.0, 1.0}


def test_a_token_that_weighs_nothing_speaks_for_no_class() -> None:
    saved = saved_model_of()
    saved.weights["model.embedding.weight"][5] = 0
    assert TrainedModel(saved).tokens["towards"][5] == ""


def test_hostile_names_of_classes() -> None:
    saved = saved_model_of("dataset.n_classes=3")
    saved.header["class_names"][:] = NASTY
    saved.weights["model.embedding.weight"].copy_(torch.eye(3).repeat(14, 1)[:40])
    tokens = TrainedModel(saved).tokens
    lines = tokens_as_csv(tokens).splitlines()
    assert not any(cell.startswith("=") for line in lines for cell in line.split(","))
    assert "\x1b" not in tokens_as_json(tokens)
    shown = [str(column.header) for column in token_table_shown(tokens).columns]
    assert "weight ␛[31m‹U+202E›" in shown
