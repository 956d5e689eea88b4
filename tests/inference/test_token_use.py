"""A token taken out of texts, against `TrainedModel.explain`, which takes each token out of one text."""

import csv
from pathlib import Path

import pytest
from saved_models import saved_model_of

from tokenlayer.errors import InputError
from tokenlayer.inference.tables import TextTable
from tokenlayer.inference.token_use import token_use
from tokenlayer.inference.trained_model import TrainedModel


def table_of(texts: list[str], path: Path) -> TextTable:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["text"], *([text or " "] for text in texts)])
    return TextTable(path, "text")


@pytest.mark.parametrize("settings", [["model/head=attention"], ["model.head.pooling=mean"], ["dataset.n_classes=3"]])
def test_effects_are_those_of_explanations(settings: list[str], tmp_path: Path) -> None:
    model = TrainedModel(saved_model_of(*settings))
    tokens = [token for token in model.tokens["token"] if "█" not in token]
    token = next(token for token in tokens if len(token) > 1 and tokens.count(token) == 1)
    texts = [f"{one} {token}{other} " for one, other in zip(tokens, reversed(tokens), strict=True)] + ["", tokens[3]]
    use = token_use(model, token, table_of(texts, tmp_path / "table.csv"))
    assert use.n_texts == len(texts)
    assert use.n_holding == sum(token in text for text in texts)
    assert use.by_class == ()
    assert len(use.occurrences) == min(50, use.n_holding)
    weight = model.tokens.set_index("token")["weight"][token]
    for each in use.occurrences:
        explanation = model.explain(texts[each.line - 2])
        (known,) = [found for found in explanation.tokens if found.pattern == token]
        assert each.where[1] == token
        assert each.predicted[0] == explanation.predicted
        assert each.probabilities[0] == pytest.approx(explanation.ranked[0][1], abs=1e-5)
        # Of several classes an explanation tells the effect on the predicted one; with presence it is the weight.
        effect = known.effect if len(model.class_names) == 2 else weight
        assert each.effect == pytest.approx(effect, abs=1e-5)
    is_decided = [each.predicted[0] != each.predicted[1] for each in use.occurrences]
    assert is_decided == sorted(is_decided, reverse=True)
    assert sum(is_decided) == min(use.n_decided, 50)


def test_equal_tokens_are_taken_out_together(tmp_path: Path) -> None:
    saved = saved_model_of()
    codes = saved.weights["model.tokenization.codes"]
    codes[1] = codes[0]
    model = TrainedModel(saved)
    token = model.tokens["token"][0]
    use = token_use(model, token, table_of([token, "zzz"], tmp_path / "table.csv"))
    equal = model.tokens["token"] == token
    assert equal.sum() >= 2
    assert use.mean_effect == pytest.approx(model.tokens["weight"][equal].sum(), abs=1e-5)


def test_a_token_that_there_is_not(tmp_path: Path) -> None:
    model = TrainedModel(saved_model_of())
    token = max(model.tokens["token"], key=len)
    with pytest.raises(InputError, match="no such token; did you mean"):
        token_use(model, f"{token}#", table_of(["a"], tmp_path / "table.csv"))
