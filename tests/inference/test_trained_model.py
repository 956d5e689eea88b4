"""Predictions of a model that was saved, against the slow way: each text alone, padded to L."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
import torch
from saved_models import saved_model_of

from tokenlayer.errors import InputError
from tokenlayer.explain.model_input import model_input
from tokenlayer.inference import reading
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.layer.vocabulary import BLANK_SIGN

MODELS = {
    "presence": [],
    "sum": ["model.head.pooling=sum"],
    "mean": ["model.head.pooling=mean"],
    "max": ["model.head.pooling=max", "model.embedding_dim=3"],
    "three classes": ["dataset.n_classes=3"],
    "softmax of two": ["model.loss=cross_entropy", "model.embedding_dim=3"],
    "convolution over matches": ["model/head=conv"],
    "convolution over positions": ["model/head=conv", "model.head.over=positions", "model.embedding_dim=4"],
    "attention": ["model/head=attention"],
    "transformer": ["model=sequence", "model.max_tokens=12", "model.keep=spread"],
    "recurrent network": ["model=sequence", "model/reader=recurrent", "model.max_tokens=12", "model.keep=strongest"],
    "words": ["initializer=frequent_words", "model.vocab_size=4"],
    "segmentation": ["initializer=bpe"],
    "the original": [
        "initializer=original",
        "initializer.ngram_lengths=[2,3,4]",
        "initializer.padding=blank",
        "learning_rule=original",
        "model=original",
        "model.head.hidden=4",
    ],
}


def model_of(name: str) -> TrainedModel:
    drop = {"words": "initializer.ngram_lengths", "segmentation": "initializer.ngram_lengths"}.get(name)
    return TrainedModel(saved_model_of(*MODELS[name], without=(drop,) if drop else ()))


def texts_for(model: TrainedModel, n: int = 40) -> list[str]:
    """Texts of all lengths, some longer than L; with tokens at their ends, capitals, and characters of no code."""
    rng = random.Random(0)
    tokens = [token.replace(BLANK_SIGN, "x") for token in model.tokens["token"]]
    texts = ["", "☃", "A <br />B!", "x" * 500]
    for i in range(n):
        texts.append(" ".join(rng.choice(tokens) for _ in range(i)) + rng.choice(["", "☃", " ", "É"]))
    return texts


@torch.no_grad()
def slow_way(model: TrainedModel, text: str) -> np.ndarray:
    codes = model_input(text, model.alphabet, model.cleaning, model.text_length).codes
    out = model.network(codes).probabilities[0].double()
    return np.array([1 - out, out]) if model.network.n_outputs == 1 else out.numpy()


@pytest.mark.parametrize("name", MODELS)
def test_batches_by_length_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_CELLS_AT_ONCE", 500)
    monkeypatch.setattr(reading, "_MOST_TEXTS", 30)
    model = model_of(name)
    texts = texts_for(model)
    expected = np.stack([slow_way(model, text) for text in texts])
    assert len(np.unique(expected[:, 1].round(4))) > 9, "the texts are told apart"
    found = model.predict_proba(texts)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    assert found.dtype == np.float64
    assert model.predict(texts).tolist() == [model.class_names[row.argmax()] for row in found]


@pytest.mark.parametrize(("pooling", "matters"), [("sum", True), ("presence", False)])
def test_a_token_of_blanks_alone_matches_in_the_padding(pooling: str, matters: bool) -> None:
    saved = saved_model_of(f"model.head.pooling={pooling}")
    saved.weights["model.tokenization.codes"][3] = -1
    model = TrainedModel(saved)
    found = model.predict_proba(["a", "ab"])
    np.testing.assert_allclose(found, [slow_way(model, text) for text in ("a", "ab")], rtol=0, atol=2e-6)
    assert model.tokens["token"][3] == ""


def test_short_texts_are_not_padded_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("presence")
    widths = [codes.shape[1] for _, codes in model.reader().batches(["ab", " " * 100])]
    assert widths == [60], "few texts are one batch"
    monkeypatch.setattr(reading, "_CELLS_AT_ONCE", 10)
    widths = [codes.shape[1] for _, codes in model.reader().batches(["ab", " " * 100])]
    assert widths == [2 + model.network.tokenization.max_token_length, 60]
    original = model_of("the original")
    assert [codes.shape[1] for _, codes in original.reader().batches(["ab"])] == [60], "each place has its weights"


def test_texts_in_pieces_of_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_TEXTS", 3)
    monkeypatch.setattr(reading, "_MOST_CHARACTERS", 10)
    texts = ["a", "b", "c", "d", "e" * 20, "f", "g" * 9, "h"]
    assert list(reading.pieces(texts)) == [range(3), range(3, 4), range(4, 5), range(5, 7), range(7, 8)]


def test_any_column_of_strings_will_do() -> None:
    model = model_of("presence")
    expected = model.predict_proba(["one", "two"])
    for texts in (
        ("one", "two"),
        np.array(["one", "two"]),
        pd.Series(["one", "two"], index=[7, 3]),
        iter(["one", "two"]),
    ):
        np.testing.assert_array_equal(model.predict_proba(texts), expected)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a text", "a str is no list of texts"),
        (b"a text", "a bytes is no list of texts"),
        (None, "a NoneType is no list of texts"),
        (pd.DataFrame({"text": ["a"]}), "a DataFrame is no list of texts"),
        ([], "the list is empty"),
        (pd.Series([], dtype=str), "the list is empty"),
        (["a", None], r"texts\[1\] is None, no text"),
        (["a", float("nan")], r"texts\[1\] is nan, no text"),
        (["a", 3], r"texts\[1\] is 3, no text"),
        ([["a"]], r"texts\[0\] is a list, no text"),
        ([b"a"], r"texts\[0\] is a bytes, no text"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(texts: object, message: str) -> None:
    model = model_of("presence")
    for method in (model.predict, model.predict_proba):
        with pytest.raises(InputError, match=message):
            method(texts)


def test_an_explanation_says_the_same() -> None:
    model = model_of("presence")
    (text,) = texts_for(model, 12)[-1:]
    explanation = model.explain(text)
    assert explanation.probabilities == pytest.approx(model.predict_proba([text])[0].tolist(), abs=2e-6)
    assert explanation.tokens
    with pytest.raises(InputError, match="None, no text"):
        model.explain(None)


def test_a_checkpoint_without_its_length_is_refused() -> None:
    saved = saved_model_of()
    saved.header["config"]["dataset"]["text_length"] = None
    with pytest.raises(InputError, match=r"the test's model .* dataset.text_length is null"):
        TrainedModel(saved)
