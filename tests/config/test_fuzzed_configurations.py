"""Configuration files and command lines of any content: all that is wrong with them is said, and soon."""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fuzzed import declared, few, many, odd_text
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import Composer, composing

DEEP = [5, 45, 300, 20_000]


def bomb(levels: int) -> str:
    """Nine values for each of the level before."""
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


KNOWN_TO_MAKE_TROUBLE = [
    bomb(9),
    bomb(4),
    "a: &a\n  b: *a\n",
    "a: &a [*a]\n",
    "<<: &m {<<: *m}\n",
    "defaults: [mine]\n",
    "defaults: [_self_, mine, /dataset: mine]\n",
    "defaults:\n  - /dataset/mine@x\n",
    "defaults: {a: 1}\n",
    "defaults: [[1]]\n",
    "defaults: 7\n",
    "defaults:\n  - /optimizer: ${optimizer}\n",
    "defaults:\n  - override /dataset: mine\n",
    "text_length: ${dataset.text_length}\n",
    "text_length: ${.kind}\nkind: ${.text_length}\n",
    "text_length: ${oc.env:NOT_THERE}\n",
    "text_length: ${oc.decode:'[[['}\n",
    "text_length: ${nothing:1}\n",
    "text_length: ${\n",
    "text_length: 2024-13-45\n",
    "text_length: !!python/object/apply:os.system [ls]\n",
    "text_length: 1\ntext_length: 2\n",
    "? [a, b]\n: 1\n",
    "1: 2\nnull: 3\ntrue: 4\n",
    "- a\n- b\n",
    "7\n",
    "",
    "---\na: 1\n---\nb: 2\n",
    "_target_: toy.Generated\n_target_: os.system\n",
    "_target_: [a]\n",
    "_target_: toy.\n",
    "_target_: toy..Generated\n",
    "_target_: toy.Generated.load\n",
    "_target_: ''\n",
    "_recursive_: true\n_args_: [1]\n",
    "# @package _group_.${x}\na: 1\n",
    f"# @package {'.'.join('a' * 200)}\na: 1\n",
    "# @package\na: 1\n",
    "# @package a b c\na: 1\n",
    "\ttext_length: 1\n",
    "%YAML 9.9\n---\na: 1\n",
    f"? {'k' * 100_000}\n: 1\n",
    f"{'k' * 1000}: 1\n",
    f"text_length: {'9' * 100_000}\n",
    f"kind: {'s' * 100_000}\n",
    "hydra: {searchpath: [7]}\n",
    "cleaning: {lower: maybe, keep: {a: 1}}\nlengths: 5\nkind: long\n",
    "cleaning: [1]\nlengths: [[1]]\nkind: {}\n",
]


def plain_values() -> st.SearchStrategy[Any]:
    scalars = st.one_of(odd_text(), st.none(), st.booleans(), st.floats(), st.integers(), st.just(10**400))
    keys = st.one_of(
        st.sampled_from(["text_length", "cleaning", "kind", "lengths", "_target_", "defaults"]), odd_text()
    )
    return st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4))


@st.composite
def file_contents(draw: st.DrawFn) -> bytes:
    depth = draw(st.sampled_from(DEEP))
    text = draw(
        st.one_of(
            st.sampled_from(KNOWN_TO_MAKE_TROUBLE),
            st.sampled_from(KNOWN_TO_MAKE_TROUBLE),
            plain_values().map(json.dumps),
            st.just("kind: " + "[" * depth + "]" * depth),
            st.just("kind: " + "{a: " * depth + "1" + "}" * depth),
            st.just("\n".join(" " * i + "a:" for i in range(min(depth, 300)))),
            st.just("kind: " + "${" * depth + "}" * depth),
        )
    )
    if draw(st.booleans()):
        text = draw(st.sampled_from(["_target_: toy.Generated\n", "_target_: toy.Read\nsource: a\n"])) + text
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "latin-1"]))
    return draw(st.one_of(st.just(text.encode(encoding, "replace")), st.binary(max_size=50)))


KEYS = [
    "dataset.text_length",
    "dataset.kind",
    "dataset",
    "seed",
    "callbacks.live_view",
    "callbacks",
    "x",
    "hydra.verbose",
]


@st.composite
def override(draw: st.DrawFn) -> str:
    depth = draw(st.sampled_from(DEEP))
    key = draw(st.one_of(st.sampled_from(KEYS), odd_text(), st.just(".".join("a" * depth)), st.just("k" * depth)))
    value = draw(
        st.one_of(
            odd_text(),
            plain_values().map(json.dumps),
            st.just("[" * depth + "]" * depth),
            st.just("{a:" * depth + "1" + "}" * depth),
            st.just("(" * depth),
            st.just("'" + "\\" * depth),
            st.just("${" * min(depth, 300) + "}" * min(depth, 300)),
            st.just("9" * depth),
            st.just("s" * depth),
            st.sampled_from(
                [
                    "range(0,100000)",
                    "range(0,1e9,1e-9)",
                    "range(5,0,0)",
                    "range(0,10,-1)",
                    "choice(range(0,3),1)",
                    "glob(*)",
                    "glob([)",
                    "interval(0,1)",
                    "shuffle(range(0,100000))",
                    "sort(3,a,b)",
                    "tag(a,b)",
                    "int('x')",
                    "json_str('{')",
                    "extend_list(1)",
                    "${seed}",
                    "${dataset}",
                    "???",
                    "1,2,3",
                    "[1,2",
                    "{a:1,a:2}",
                    "nan",
                    "inf",
                    "1e999",
                ]
            ),
        )
    )
    form = draw(
        st.sampled_from(["{k}={v}", "{k}={v}", "+{k}={v}", "++{k}={v}", "~{k}", "~{k}={v}", "{k}@x={v}", "{v}", "{k}="])
    )
    return form.format(k=key, v=value)


@pytest.fixture
def composer(toy: ModuleType, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Composer]:
    monkeypatch.chdir(tmp_path)
    with composing("train", conf) as made:
        yield made


def files_are_refused_or_read(toy: ModuleType, conf: Path, content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        arguments = {"dataset/mine.yaml": ["dataset=mine"], "experiment/mine.yaml": ["experiment=mine"]}[name]

        def compose() -> None:
            with composing("train", conf, search=[Path(folder)]) as made:
                check(made, arguments, Spec(toy.Root, toy.no_run_before), multirun=False)

        declared(compose, "")


def lines_are_refused_or_read(composer: Composer, toy: ModuleType, texts: list[str], multirun: bool) -> None:
    declared(lambda: check(composer, texts, Spec(toy.Root, toy.no_run_before), multirun=multirun), "")


NAMES = st.sampled_from(["dataset/mine.yaml", "experiment/mine.yaml"])
LINES = st.lists(override(), min_size=1, max_size=2)


@few
@given(content=file_contents(), name=NAMES)
def test_files(
    toy: ModuleType, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    files_are_refused_or_read(toy, conf, content, name)


@many(2000)
@given(content=file_contents(), name=NAMES)
def test_many_files(
    toy: ModuleType, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    files_are_refused_or_read(toy, conf, content, name)


@few
@given(texts=LINES, multirun=st.booleans())
def test_lines(composer: Composer, toy: ModuleType, texts: list[str], multirun: bool) -> None:
    lines_are_refused_or_read(composer, toy, texts, multirun)


@many(2000)
@given(texts=LINES, multirun=st.booleans())
def test_many_lines(composer: Composer, toy: ModuleType, texts: list[str], multirun: bool) -> None:
    lines_are_refused_or_read(composer, toy, texts, multirun)


@pytest.mark.parametrize("content", KNOWN_TO_MAKE_TROUBLE)
def test_what_is_known_to_make_trouble(
    content: str, toy: ModuleType, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    began = time.process_time()
    files_are_refused_or_read(toy, conf, content.encode(), "dataset/mine.yaml")
    assert time.process_time() - began < 10
