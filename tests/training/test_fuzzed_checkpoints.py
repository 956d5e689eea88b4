"""Checkpoints that are damaged, foreign, hostile or edited: none is executed, and each is refused or used."""

import copy
import io
import os
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
import torch
from fuzzed import damaged, declared, few, many, odd_text
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.config.check import Spec, check
from tokenlayer.config.chosen import choose
from tokenlayer.config.compose import composing
from tokenlayer.config.typed import flatten
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.training.checkpoint_loading import saved_model
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.training import Training

T = TypeVar("T")

SETTINGS = [
    "dataset=planted_short",
    "dataset.n_texts=60",
    "model.vocab_size=5",
    "learning_rule=frozen",
    "model/head=conv",
    "trainer.accelerator=cpu",
]


CANARY = Path(tempfile.gettempdir(), f"executed-by-{os.getpid()}")


class Unprinted(Generic[T]):
    """Something that Hypothesis need not print."""

    def __init__(self, content: T) -> None:
        self.content = content


@pytest.fixture(scope="module")
def whole() -> Unprinted[dict[str, Any]]:
    with composing("train") as composer:
        (job,) = check(composer, SETTINGS, Spec(TrainConfig, lambda composed, _line: composed), multirun=False)
    chosen = choose(job.config, job.resolved)
    module = Training(chosen.config, chosen.resolved).module
    made: dict[str, Any] = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(made)
    return Unprinted(made)


class Hostile:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {CANARY}",)


def saved(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def with_pickle(content: bytes, pickled: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A checkpoint with another `data.pkl`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return stream.getvalue()


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def circle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["itself"] = value
    return value


ODD = [None, True, -1, 0, 10**12, 2**70, 0.5, float("nan"), "", "\ud800", [], {}, ["a", 1], {1: 2}, deep(60), circle()]


def odd_values() -> st.SearchStrategy[Any]:
    return st.one_of(st.sampled_from(ODD), odd_text(), st.integers(), st.lists(odd_text(), max_size=3))


@st.composite
def foreign(draw: st.DrawFn, checkpoint: dict[str, Any]) -> bytes:
    """A file that no run has left."""
    whole = saved(checkpoint)
    bomb = pickle.dumps({"state_dict": {}, "tokenlayer": {"alphabet": "a" * 50_000_000}})
    made: list[Callable[[], bytes]] = [
        lambda: pickle.dumps(Hostile()),
        lambda: pickle.dumps(checkpoint["tokenlayer"]),
        lambda: with_pickle(whole, pickle.dumps(Hostile(), protocol=2)),
        lambda: with_pickle(whole, pickle.dumps({"state_dict": Hostile(), "tokenlayer": Hostile()}, protocol=2)),
        lambda: with_pickle(whole, bomb, zipfile.ZIP_DEFLATED),
        lambda: with_pickle(whole, b"\x80\x02" + b"(" * 100_000 + b"l" * 100_000 + b"."),
        lambda: with_pickle(whole, b"\x80\x02cbuiltins\nbytearray\nL1000000000000L\n\x85R."),
        lambda: saved(checkpoint["state_dict"]),
        lambda: saved([1, 2]),
        lambda: saved({"state_dict": deep(60), "tokenlayer": deep(60)}),
        lambda: saved({"tokenlayer": checkpoint["tokenlayer"]}),
        lambda: saved(checkpoint | {"tokenlayer": {}}),
        lambda: torch.zeros(3).numpy().tobytes(),
        lambda: b"",
    ]
    return draw(st.sampled_from(made))()


@st.composite
def edited(draw: st.DrawFn, checkpoint: dict[str, Any]) -> bytes:
    """A checkpoint of which some settings or weights are others."""
    made = copy.deepcopy(checkpoint)
    header, weights = made["tokenlayer"], made["state_dict"]
    for _ in range(draw(st.integers(1, 2))):
        part = draw(st.sampled_from(["header", "config", "config", "weights"]))
        if part == "header":
            header[draw(st.sampled_from(sorted(header)))] = draw(odd_values())
        elif part == "config" and isinstance(header.get("config"), dict):
            key = draw(st.sampled_from(sorted(dict(flatten(checkpoint["tokenlayer"]["config"])))))
            *parents, name = key.split(".")[draw(st.sampled_from([0, 0, 0, 1])) :] or [key]
            node = header["config"]
            for parent in parents:
                node = node.get(parent) if isinstance(node.get(parent), dict) else node
            node[name] = draw(odd_values())
        elif part == "weights":
            name = draw(st.sampled_from([name for name in checkpoint["state_dict"] if name.startswith("model.")]))
            same = checkpoint["state_dict"][name]
            odd: list[Any] = [torch.full_like(same, 99), torch.full_like(same, -7), same.to(torch.complex64)]
            odd += [same.to_sparse(), same.to("meta")]
            odd += [torch.zeros(0), torch.zeros(2, 2), torch.zeros(1).expand(10**9), torch.zeros(1, dtype=torch.int8)]
            odd += ["text", None, torch.eye(3).to_sparse()]
            weights[name] = draw(st.sampled_from(odd))
    return saved(made)


def is_refused_or_used(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.ckpt")
        path.write_bytes(content)

        def use() -> None:
            TrainedModel(saved_model(str(path), TrackingConfig(), folder)).explain("a text of some words")

        declared(use, str(path))
        assert not CANARY.exists(), "what the file says was executed"


DRAWN = st.data()


def drawn(data: st.DataObject, checkpoint: dict[str, Any]) -> bytes:
    kind = data.draw(st.integers(0, 3))
    made = [foreign, edited, edited, lambda whole: damaged(saved(whole))][kind](checkpoint)
    return data.draw(made.map(Unprinted)).content


@few
@given(data=DRAWN)
def test_checkpoints(whole: Unprinted[dict[str, Any]], data: st.DataObject) -> None:
    is_refused_or_used(drawn(data, whole.content))


@many(2000)
@given(data=DRAWN)
def test_many_checkpoints(whole: Unprinted[dict[str, Any]], data: st.DataObject) -> None:
    is_refused_or_used(drawn(data, whole.content))


def test_the_checkpoint_that_is_damaged_can_be_used(whole: Unprinted[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(saved(whole.content))
    model = saved_model(str(tmp_path / "model.ckpt"), TrackingConfig(), str(tmp_path))
    assert TrainedModel(model).explain("a text of some words").class_names
