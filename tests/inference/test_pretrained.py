"""Models as folders, and on a hub that is none."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub import constants
from saved_models import saved_model_of

import tokenlayer
from tokenlayer.errors import InputError
from tokenlayer.inference.trained_model import TrainedModel

safetensors = pytest.importorskip("safetensors.torch")

TEXTS = ["", "a text of some words", "Another, longer <br />text, of other words!"]
MODELS = {
    "tokens": [],
    "convolution": ["model/head=conv", "dataset.n_classes=3"],
    "segmentation": ["initializer=bpe", "initializer.segment=true", "-initializer.ngram_lengths"],
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
    settings = MODELS[name]
    without = [setting[1:] for setting in settings if setting.startswith("-")]
    return TrainedModel(saved_model_of(*(s for s in settings if not s.startswith("-")), without=without))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "model"
    model_of("tokens").save_pretrained(made)
    return made


@pytest.mark.parametrize("name", MODELS)
def test_a_folder_is_the_model(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    model.save_pretrained(tmp_path / "model")
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["README.md", "config.json", "model.safetensors"]
    expected = model.predict_proba(TEXTS)
    for again in (TrainedModel.from_pretrained(tmp_path / "model"), tokenlayer.load(tmp_path / "model")):
        np.testing.assert_array_equal(again.predict_proba(TEXTS), expected)
        assert again.class_names == model.class_names
        assert again.header == model.header
        again_state, state = again.network.state_dict(), model.network.state_dict()
        assert again_state.keys() == state.keys()
    assert "pipeline_tag: text-classification" in (tmp_path / "model" / "README.md").read_text()


def test_what_is_there_stays(folder: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        model_of("tokens").save_pretrained(folder)


class Hub:
    """What `push_to_hub` asks of the hub's client, and what `from_pretrained` does."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.asked: list[object] = []

    def HfApi(self) -> Hub:  # noqa: N802 (as the client has it)
        return self

    def create_repo(self, name: str, *, private: bool | None, exist_ok: bool) -> object:
        self.asked.append((name, private, exist_ok))
        return type("Url", (), {"repo_id": f"me/{name}"})()

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> str:
        shutil.copytree(folder_path, self.place / repo_id)
        return f"https://hub/{repo_id}"

    def snapshot_download(self, name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        self.asked.append((name, revision, allow_patterns))
        return str(self.place / name)


def test_it_goes_to_the_hub_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(tmp_path)
    monkeypatch.setattr(huggingface_hub, "HfApi", hub.HfApi)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    model = model_of("tokens")
    assert model.push_to_hub("films", private=True) == "https://hub/me/films"
    again = TrainedModel.from_pretrained("me/films", revision="v1")
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert hub.asked == [("films", True, True), ("me/films", "v1", ["config.json", "model.safetensors"])]


def test_without_a_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"me/films: no such folder; the Hugging Face hub says: .*HF_HUB_OFFLINE"):
        TrainedModel.from_pretrained("me/films")
    with pytest.raises(InputError, match="the Hugging Face hub says: "):
        TrainedModel.from_pretrained("no/such/name\x1b[31m")
    with pytest.raises(InputError, match="me/films: the Hugging Face hub says: "):
        model_of("tokens").push_to_hub("me/films")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path) -> None:
    model = model_of("tokens")
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    for call in (lambda: model.save_pretrained(tmp_path / "x"), lambda: TrainedModel.from_pretrained(folder)):
        with pytest.raises(InputError, match=r"pip install 'tokenlayer\[huggingface\]'"):
            call()
    assert not (tmp_path / "x").exists()


def changed(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "changed"))


def refused(folder: Path, message: str) -> None:
    for read in (TrainedModel.from_pretrained, tokenlayer.load):
        with pytest.raises(InputError, match=message):
            read(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file(folder: Path, tmp_path: Path, name: str) -> None:
    copy = changed(folder, tmp_path)
    (copy / name).unlink()
    refused(copy, f"holds no {name}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "no model of tokenlayer, or a damaged one"),
        (b"[" * 100_000, "no model of tokenlayer, or a damaged one"),
        (b"[]", "it is no mapping"),
        (b'{"model_type": "bert"}', "says nothing of itself"),
        (b'{"tokenlayer": {}, "states": {"a": 1}}', "`states` are no texts"),
        (b'{"tokenlayer": {}}', "was recorded by tokenlayer 0.1"),
        (b'{"tokenlayer": {"format": 99}}', "was recorded in format 99"),
    ],
)
def test_another_configuration(folder: Path, tmp_path: Path, content: bytes, message: str) -> None:
    copy = changed(folder, tmp_path)
    (copy / "config.json").write_bytes(content)
    refused(copy, message)


def test_edited_settings(folder: Path, tmp_path: Path) -> None:
    copy = changed(folder, tmp_path)
    config = json.loads((copy / "config.json").read_text())
    config["tokenlayer"]["config"]["model"]["vocab_size"] = 10**12
    (copy / "config.json").write_text(json.dumps(config))
    refused(copy, "has been edited: it has no weights for 1000000000000 tokens")


def of_sizes(shape: list[int], offsets: list[int], content: bytes) -> bytes:
    header = json.dumps({"embedding.weight": {"dtype": "F32", "shape": shape, "data_offsets": offsets}}).encode()
    return struct.pack("<Q", len(header)) + header + content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no weights, or damaged ones"),
        (b"PK\x03\x04 a pickle in a zip", "no weights, or damaged ones"),
        (struct.pack("<Q", 2**62), "no weights, or damaged ones"),
        (of_sizes([10**12], [0, 4 * 10**12], b"0000"), "no weights, or damaged ones"),
        (of_sizes([1], [0, 8], b"00000000"), "no weights, or damaged ones"),
        (of_sizes([1], [0, 4], b"0000"), "has been edited"),
        (of_sizes([], [0, 4], b"0000"), "has been edited"),
    ],
)
def test_other_weights(folder: Path, tmp_path: Path, content: bytes, message: str) -> None:
    copy = changed(folder, tmp_path)
    (copy / "model.safetensors").write_bytes(content)
    refused(copy, message)


def test_cut_weights(folder: Path, tmp_path: Path) -> None:
    copy = changed(folder, tmp_path)
    content = (copy / "model.safetensors").read_bytes()
    for length in (7, 100, len(content) - 1):
        (copy / "model.safetensors").write_bytes(content[:length])
        refused(copy, "no weights, or damaged ones")


def test_other_kinds_of_weights(folder: Path, tmp_path: Path) -> None:
    copy = changed(folder, tmp_path)
    weights = safetensors.load_file(folder / "model.safetensors")
    for name, other in [("embedding.weight", torch.zeros(40, 2)), ("tokenization.codes", torch.zeros(40, 4))]:
        safetensors.save_file({**weights, name: other}, copy / "model.safetensors")
        refused(copy, f"{name} is not of the model")
    safetensors.save_file(
        {name: value for name, value in weights.items() if "codes" not in name}, copy / "model.safetensors"
    )
    refused(copy, r"edited")


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder with the config\.json and model\.safetensors of a model"):
        tokenlayer.load(tmp_path)
