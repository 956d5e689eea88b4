"""What is written, read back."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from initializer_contexts import initializer_context
from saved_models import saved_model_of

from tokenlayer import InputError, TrainedModel
from tokenlayer.export import onnx, text
from tokenlayer.inference.tables import TextTable
from tokenlayer.vocabularies.listed import ListedConfig

TEXTS = ["ab", "", "the quick brown fox, <br />jumps over", "x" * 70, "Lazy Dogs " * 9]


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return TrainedModel(saved_model_of())


def test_tokens_as_text_are_an_initial_vocabulary(model: TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "out" / "tokens.txt"
    assert str(path) in text.export(model, path.parent, None)
    expected = model.network.tokenization.vocabulary().codes
    config = ListedConfig(file=str(path))
    made = initializer_context(model.alphabet, len(expected), expected.shape[1])
    assert torch.equal(config.build(made).codes, expected)
    assert path.read_text(encoding="utf-8").splitlines() == model.tokens["token"].tolist()


@pytest.mark.parametrize("character", ["\n", "\r", "█", "\ud800"])
def test_tokens_that_no_line_holds_are_refused_and_nothing_is_written(character: str, tmp_path: Path) -> None:
    model = TrainedModel(saved_model_of(f"dataset.alphabet.characters={json.dumps('abcdefghijklmnopqrstuvwxyz ')}"))
    symbols = model.alphabet.chars
    model.alphabet = type(model.alphabet)(symbols.replace("e", character))
    with pytest.raises(InputError, match="cannot be exported to text: some of its tokens hold the end of a line"):
        text.export(model, tmp_path / "out", None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", [text, onnx])
def test_texts_that_a_form_has_no_use_for_are_refused(model: TrainedModel, tmp_path: Path, form: ModuleType) -> None:
    with pytest.raises(InputError, match=r"--texts: --to .* has no use for texts"):
        form.export(model, tmp_path / "out", TextTable(tmp_path / "texts.csv", "text", what="x"))


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_onnx_without_its_packages_is_refused(
    model: TrainedModel, tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    message = rf"--to onnx needs {package}, which is not installed: pip install 'tokenlayer\[onnx\]'"
    with pytest.raises(InputError, match=message):
        onnx.export(model, tmp_path / "out", None)
    assert list(tmp_path.iterdir()) == []


def codes_as_told(texts: list[str], told: dict[str, object]) -> np.ndarray:
    """By `model.json` alone: its steps, one after the other."""
    code_of = {character: code for code, character in enumerate(told["alphabet"])}
    none = len(told["alphabet"])
    rows = []
    for given in texts:
        cleaned = given.replace("<br />", " ").lower()
        cleaned = "".join(c for c in cleaned if not (c.isascii() and c.isprintable() and not c.isalnum() and c != " "))
        rows.append([code_of[c] for c in cleaned if c in code_of][: told["text_length"]])
    width = min(told["text_length"], max(map(len, rows)) + told["padding"])
    return np.array([row + [none] * (width - len(row)) for row in rows], dtype=np.int64)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_onnx_says_what_the_model_says(n_classes: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model = TrainedModel(saved_model_of(*([] if n_classes == 2 else ["model.loss=cross_entropy"])))
    assert "model.onnx" in onnx.export(model, tmp_path / "out", None)
    assert capfd.readouterr() == ("", "")
    told = json.loads((tmp_path / "out" / "model.json").read_text(encoding="utf-8"))
    session = runtime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    for texts in (TEXTS, TEXTS[2:3]):
        (found,) = session.run(["probabilities"], {"codes": codes_as_told(texts, told)})
        np.testing.assert_allclose(found, model.predict_proba(texts), atol=1e-6)
    assert told["class_names"] == list(model.class_names)
