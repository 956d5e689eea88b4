"""Folders of a model that are damaged or edited: each is refused or used."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from fuzzed import damaged, declared, few, many, odd_text
from hypothesis import given
from hypothesis import strategies as st
from saved_models import saved_model_of

from tokenlayer.config.typed import flatten
from tokenlayer.inference.trained_model import TrainedModel

pytest.importorskip("safetensors")

NAMES = ("config.json", "model.safetensors")
ODD = st.one_of(st.sampled_from([None, True, -1, 2**70, 0.5, float("inf"), [], {}, ["a", 1]]), odd_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("models") / "model"
    TrainedModel(saved_model_of("initializer=bpe", without=("initializer.ngram_lengths",))).save_pretrained(folder)
    return {name: (folder / name).read_bytes() for name in NAMES}


def edited(data: st.DataObject, content: bytes) -> bytes:
    """A configuration with another value, or two."""
    config = json.loads(content)
    for _ in range(data.draw(st.integers(1, 2))):
        key = data.draw(st.sampled_from(sorted(dict(flatten(json.loads(content))))))
        *parents, name = key.split(".")
        node = config
        for parent in parents:
            node = node[parent] if isinstance(node.get(parent), dict) else node
        node[name] = data.draw(ODD)
    return json.dumps(config).encode()


def is_refused_or_used(whole: dict[str, bytes], data: st.DataObject) -> None:
    files = dict(whole)
    name = data.draw(st.sampled_from(NAMES))
    is_edited = name == "config.json" and data.draw(st.booleans())
    files[name] = edited(data, files[name]) if is_edited else data.draw(damaged(files[name]))
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        declared(lambda: TrainedModel.from_pretrained(folder).explain("a text of some words"), folder)


@few
@given(data=st.data())
def test_model_folders(whole: dict[str, bytes], data: st.DataObject) -> None:
    is_refused_or_used(whole, data)


@many(2000)
@given(data=st.data())
def test_many_model_folders(whole: dict[str, bytes], data: st.DataObject) -> None:
    is_refused_or_used(whole, data)
