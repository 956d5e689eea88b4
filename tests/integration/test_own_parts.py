"""Parts of one's own: a class and a YAML file each, in a folder of one's own, with nothing else to do."""

import re
import sys
from pathlib import Path

import pytest
from tiny_runs import QUIET, Store

from tokenlayer.cli.main import main

OWN = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytorch_lightning as pl
from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.types import RawDataset
from tokenlayer.rules.base import LearningRuleConfig
from tokenlayer.rules.learning_rule import NoOpRule
from tokenlayer.training.callbacks.base import CallbackConfig


@dataclass(kw_only=True)
class Days(DatasetConfig):
    n: int = 100

    def source_key(self):
        return f"days-{self.n}"

    def load(self):
        texts = [f"day {i} sun and sun" if i % 2 else f"{i} rain then rain" for i in range(self.n)]
        return RawDataset(texts, np.arange(self.n) % 2, ("rain", "sun"), "days")


@dataclass
class Still(LearningRuleConfig):
    keeps_vocabulary: ClassVar[bool] = True

    def build(self, context):
        return NoOpRule()


class Cheer(pl.Callback):
    def on_fit_end(self, trainer, pl_module):
        print("hurray")


@dataclass
class CheerConfig(CallbackConfig):
    def build(self, run):
        return Cheer()
"""
FILES = {
    "mine.py": OWN,
    "conf/dataset/days.yaml": "_target_: mine.Days\nn: 80\n",
    "conf/learning_rule/still.yaml": "_target_: mine.Still\n",
    "conf/callbacks/mine.yaml": "defaults: [default, _self_]\ncheer: {_target_: mine.CheerConfig}\n",
}
DRAWN = ("allow_targets=[mine]", "trainer=debug", "trainer.threads=1", "model.vocab_size=8")
QUICK = (*DRAWN, *QUIET)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with the files above, and nothing of tokenlayer's."""
    for name, content in FILES.items():
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.syspath_prepend(tmp_path / "work")
    monkeypatch.delitem(sys.modules, "mine", raising=False)


def test_a_dataset_says_no_more_than_its_own_settings(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "dataset=days", *QUICK, f"output_dir={store.output_dir}"]) == 0
    assert "chosen: dataset.batch_size=8 (56 training texts)" in capsys.readouterr().out
    (run,) = store.runs()
    assert run.run.data.params["dataset.text_length"] == "30"
    assert run.run.data.params["dataset.n"] == "80"


def test_what_every_dataset_has_can_be_set(store: Store) -> None:
    settings = ["dataset.batch_size=4", "dataset.cleaning.lower_case=false", "dataset.alphabet.size=20", "dataset.n=60"]
    assert main(["train", "dataset=days", *settings, *QUICK, f"output_dir={store.output_dir}"]) == 0
    (run,) = store.runs()
    for setting in settings:
        key, _, value = setting.partition("=")
        assert run.run.data.params[key] == {"false": "False"}.get(value, value)


def test_a_list_of_callbacks_adds_one(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "dataset=days", "callbacks=mine", *DRAWN, f"output_dir={store.output_dir}"]) == 0
    assert "hurray" in capsys.readouterr().out
    (run,) = store.runs()
    assert (run.artifacts / "predictions" / "test.parquet").is_file(), "and the others are there"


def test_a_rule_that_keeps_its_tokens_takes_words(store: Store) -> None:
    words = ["initializer=frequent_words", "model.vocab_size=4"]
    assert main(["train", "dataset=days", "learning_rule=still", *QUICK, *words, f"output_dir={store.output_dir}"]) == 0


def test_a_setting_that_no_dataset_has_is_named(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "dataset=days", "dataset.batchsize=4", *QUICK, f"output_dir={store.output_dir}"]) == 2
    assert re.search(r"dataset\.batchsize: no such key; did you mean dataset\.batch_size", capsys.readouterr().err)


def test_a_callback_is_added_on_the_command_line(store: Store) -> None:
    line = ["dataset=days", "+callbacks@callbacks.more=vals_log", *QUICK, f"output_dir={store.output_dir}"]
    assert main(["train", *line]) == 0
    (run,) = store.runs()
    assert run.run.info.status == "FINISHED"
    assert run.run.data.params["group.callbacks:callbacks.more"] == "vals_log"
