"""Data sets of the `datasets` library, saved in the test, against tables of the same texts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.huggingface import HuggingFaceConfig
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.data.types import PreparedDataset
from tokenlayer.errors import InputError

datasets = pytest.importorskip("datasets")

WORDS = ["blå", "rød", "字"]
KINDS = ["blue", "red", "sign"]
Read = Callable[..., PreparedDataset]


def rows(begin: int, n: int) -> dict[str, list[Any]]:
    return {
        "body": [f'Text "{i}", {WORDS[i % 3]}\nwith a line' for i in range(begin, begin + n)],
        "kind": [i % 3 for i in range(begin, begin + n)],
    }


def part(begin: int, n: int, **changed: list[Any]) -> Any:
    features = datasets.Features({"body": datasets.Value("string"), "kind": datasets.ClassLabel(names=KINDS)})
    return datasets.Dataset.from_dict({**rows(begin, n), **changed}, features=features)


def frame(begin: int, n: int, split: str) -> pd.DataFrame:
    made = pd.DataFrame(rows(begin, n))
    return made.assign(kind=[KINDS[kind] for kind in made["kind"]], part=split)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))


@pytest.fixture
def read(cache_dir: str) -> Read:
    def prepared(name: Path | str, **settings: Any) -> PreparedDataset:
        settings = {"text_column": "body", "label_column": "kind", **settings}
        return prepare(HuggingFaceConfig(name=str(name), text_length=30, cache_dir=cache_dir, **settings))

    return prepared


@pytest.fixture
def read_table(cache_dir: str, tmp_path: Path) -> Read:
    def prepared(table: pd.DataFrame, **settings: Any) -> PreparedDataset:
        table.to_csv(tmp_path / "table.csv", index=False)
        columns = {"text_column": "body", "label_column": "kind", **settings}
        return prepare(TableConfig(source=str(tmp_path / "table.csv"), text_length=30, cache_dir=cache_dir, **columns))

    return prepared


def test_without_splits_they_are_drawn_as_of_a_table(read: Read, read_table: Read, tmp_path: Path) -> None:
    part(0, 60).save_to_disk(tmp_path / "all")
    found = read(tmp_path / "all")
    assert found.class_names == ("blue", "red", "sign")
    assert {name: len(split) for name, split in found.splits.items()} == {"train": 42, "validation": 9, "test": 9}
    assert found.fingerprint == read_table(frame(0, 60, "")).fingerprint


def test_its_own_splits(read: Read, read_table: Read, tmp_path: Path) -> None:
    made = {"train": part(0, 30), "validation": part(30, 12), "test": part(42, 9), "unsupervised": part(51, 9)}
    datasets.DatasetDict(made).save_to_disk(tmp_path / "all")
    table = pd.concat([frame(0, 30, "train"), frame(30, 12, "validation"), frame(42, 9, "test")])
    expected = read_table(table, split_column="part")
    assert read(tmp_path / "all").fingerprint == expected.fingerprint
    named = read(tmp_path / "all", test_split="validation")
    assert {name: len(split) for name, split in named.splits.items()} == {"train": 25, "validation": 5, "test": 12}
    other = read(tmp_path / "all", validation_split="unsupervised", train_split="validation")
    assert {name: len(split) for name, split in other.splits.items()} == {"train": 12, "validation": 9, "test": 9}


def test_files_that_datasets_reads(read: Read, read_table: Read, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    frame(0, 30, "train").drop(columns="part").to_json(tmp_path / "files" / "train.jsonl", orient="records", lines=True)
    frame(30, 12, "test").drop(columns="part").to_json(tmp_path / "files" / "test.jsonl", orient="records", lines=True)
    table = pd.concat([frame(0, 30, "train"), frame(30, 12, "test")])
    expected = read_table(table, split_column="part")
    assert read(tmp_path / "files").fingerprint == expected.fingerprint


def test_labels_of_every_kind(read: Read, tmp_path: Path) -> None:
    for name, labels in {"flags": [True, False], "texts": ["a", "b"], "numbers": [1.0, 2.0]}.items():
        datasets.Dataset.from_dict({**rows(0, 40), "kind": labels * 20}).save_to_disk(tmp_path / name)
    assert read(tmp_path / "flags").class_names == ("False", "True")
    assert read(tmp_path / "texts").class_names == ("a", "b")
    assert read(tmp_path / "numbers").class_names == ("1", "2")


def test_the_key_is_of_the_content(tmp_path: Path) -> None:
    def key(name: str, content: Any) -> str:
        content.save_to_disk(tmp_path / name)
        return HuggingFaceConfig(name=str(tmp_path / name), text_column="body", label_column="kind").source_key()

    first = key("first", part(0, 30))
    assert key("again", part(0, 30)) == first
    assert key("formatted", part(0, 30).with_format("numpy")) == first
    assert key("text", part(0, 30, body=["other", *rows(1, 29)["body"]])) != first
    assert key("label", part(0, 30, kind=[2, *rows(1, 29)["kind"]])) != first
    names = part(0, 30).cast_column("kind", datasets.ClassLabel(names=["green", *KINDS[1:]]))
    assert key("names", names) != first
    assert key("split", datasets.DatasetDict({"train": part(0, 20), "test": part(20, 10)})) != first


def test_missing_texts_are_empty(read: Read, tmp_path: Path) -> None:
    part(0, 40, body=[None, *rows(1, 39)["body"]]).save_to_disk(tmp_path / "all")
    assert sum(read(tmp_path / "all").report.empty_texts.values()) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"text_column": "bod"}, r"dataset.text_column=bod: .*, split train, has no such column; did you mean body\?"),
        ({"label_column": "label"}, r"dataset.label_column=label: .* has no such column; known: body, kind"),
        (
            {"train_split": "trian"},
            r"dataset.train_split=trian: .* no such split; did you mean train\?; known: .*",
        ),
        ({"validation_split": "dev"}, "dataset.validation_split=dev"),
        ({"test_split": "dev"}, "dataset.test_split=dev"),
        ({"test_split": "train"}, "test_split: 'train' is named for another split"),
        ({"label_column": "body"}, "is the text column"),
    ],
)
def test_what_there_is_not(read: Read, tmp_path: Path, settings: dict[str, str], message: str) -> None:
    made = {"train": part(0, 30), "test": part(42, 9), "unsupervised": part(51, 9)}
    datasets.DatasetDict(made).save_to_disk(tmp_path / "all")
    with pytest.raises(InputError, match=message):
        read(tmp_path / "all", **settings)


def test_validation_texts_without_test_texts(read: Read, tmp_path: Path) -> None:
    datasets.DatasetDict({"train": part(0, 30), "validation": part(30, 9)}).save_to_disk(tmp_path / "all")
    with pytest.raises(InputError, match="no test split: name one by"):
        read(tmp_path / "all")
    assert len(read(tmp_path / "all", test_split="validation").splits["test"]) == 9


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": [-1] * 40}, r"row 0 has no label \(kind=-1\).*dataset.test_split=validation"),
        ({"kind": [0] * 39 + [None]}, r"row 39 has no label \(kind=None\)"),
        ({"kind": [0] * 40}, "a classifier needs two or more classes"),
    ],
)
def test_labels_that_are_none(read: Read, tmp_path: Path, changed: dict[str, list[Any]], message: str) -> None:
    part(0, 40, **changed).save_to_disk(tmp_path / "all")
    with pytest.raises(InputError, match=message):
        read(tmp_path / "all")


def test_texts_that_are_none(read: Read, tmp_path: Path) -> None:
    datasets.Dataset.from_dict({**rows(0, 20), "body": list(range(20))}).save_to_disk(tmp_path / "all")
    with pytest.raises(InputError, match="body is a int, no text: choose another"):
        read(tmp_path / "all")


def test_no_such_data_set(read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"dataset.name=no/such cannot be loaded: .*\n.*HF_HUB_OFFLINE"):
        read("no/such")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"cannot be loaded: .*\ngive a folder, or the name"):
        read(tmp_path / "empty")
    part(0, 40).save_to_disk(tmp_path / "broken")
    (tmp_path / "broken" / "state.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot be loaded: .*\nsee whether datasets\.load_dataset reads it"):
        read(tmp_path / "broken")


def test_code_of_a_data_set_is_not_run(read: Read, tmp_path: Path) -> None:
    (tmp_path / "scripted").mkdir()
    canary = tmp_path / "executed"
    (tmp_path / "scripted" / "scripted.py").write_text(f"open({str(canary)!r}, 'w')\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        read(tmp_path / "scripted")
    assert not canary.exists()


def test_configurations_are_listed(read: Read, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    for name in ("en", "fr"):
        (folder / name).mkdir(parents=True)
        frame(0, 30, "train").to_json(folder / name / "train.jsonl", orient="records", lines=True)
    configs = "".join(f"- config_name: {name}\n  data_files: {name}/*.jsonl\n" for name in ("en", "fr"))
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    for wrong in ({}, {"config_name": "de"}):
        with pytest.raises(InputError, match=r"(?s)'en', 'fr'.*set dataset.config_name"):
            read(folder, **wrong)
    assert read(folder, config_name="fr").class_names == ("blue", "red", "sign")


def test_without_the_extra(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"pip install 'tokenlayer\[huggingface\]'"):
        read("somebody/reviews")
