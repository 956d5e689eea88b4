"""The runs of a study, and the settings that change their results."""

from dataclasses import replace
from pathlib import Path

import pytest
from mini import COMMON, CONDITIONS, MINI

from tokenlayer.config.compose import composing
from tokenlayer.errors import InputError
from tokenlayer.study.conditions import Condition, Study, tasks
from tokenlayer.study.runner import command, quoted
from tokenlayer.study.status import Place, RunStatus, State, differences


def test_whole_seeds_come_first() -> None:
    assert [task.name for task in tasks(MINI)] == ["learns-seed0", "stays-seed0", "learns-seed1", "stays-seed1"]


def test_settings_are_resolved_and_leave_out_what_decides_nothing() -> None:
    (first, *_) = tasks(MINI, ["trainer.threads=3", "output_dir=elsewhere", "dataset.cache_dir=x"])
    assert first.settings["optimizer.lr"] == "0.05"
    assert first.settings["model.vocab_size"] == "30"
    assert first.settings["dataset.n_classes"] == "2"  # named nowhere above
    assert first.settings["learning_rule._target_"].endswith("FrozenRuleConfig")
    beside = ("tracking", "output_dir", "seed", "callbacks", "trainer.threads", "dataset.cache_dir")
    assert [key for key in first.settings if key.startswith(beside)] == []


def test_differences_are_listed() -> None:
    (task, *_) = tasks(MINI)
    assert differences(task, task.settings) == []
    other = {**task.settings, "optimizer.lr": "0.1"}
    assert differences(task, other) == ["optimizer.lr=0.1, now 0.05"]


def test_new_settings_differ_only_when_they_are_named() -> None:
    (task, *_) = tasks(MINI)
    unnamed = {key: value for key, value in task.settings.items() if key != "optimizer.eps"}
    assert differences(task, unnamed) == []
    assert differences(task, {**task.settings, "optimizer.gone": "1"}) == []
    named = {key: value for key, value in task.settings.items() if key != "optimizer.lr"}
    assert differences(task, named) == ["optimizer.lr was unknown"]


def test_wrong_settings_name_the_condition() -> None:
    wrong = replace(CONDITIONS[1], overrides=("optimizer.lrr=1",))
    with pytest.raises(InputError, match=r"(?s)condition stays of study mini: .*optimizer\.lrr"):
        tasks(Study("mini", COMMON, (CONDITIONS[0], wrong)))


def test_names_are_distinct() -> None:
    with pytest.raises(ValueError, match="learns"):
        Study("mini", COMMON, (CONDITIONS[0], CONDITIONS[0]))
    with pytest.raises(ValueError, match="a b"):
        Study("mini", COMMON, (Condition("a b", (), (0,), {}),))


@pytest.mark.parametrize("value", ["data/a.csv", "my data/a,b.csv", "it's/a=b", "back\\slash", "end\\", "a\\'b"])
def test_quoted_values_come_back_from_hydra(value: str) -> None:
    with composing("train") as composer:
        assert composer.parse(f"dataset.source={quoted(value)}").value() == value


def test_settings_may_follow_the_seed() -> None:
    study = Study("mini", (*COMMON, "dataset.generation_seed=${seed}"), CONDITIONS[:1])
    assert [task.settings["dataset.generation_seed"] for task in tasks(study)] == ["0", "1"]


def test_a_class_that_only_one_of_them_has_is_a_difference() -> None:
    (task, *_) = tasks(MINI)
    scheduled = {**task.settings, "lr_scheduler._target_": "torch.optim.lr_scheduler.CosineAnnealingLR"}
    assert differences(task, scheduled) == [
        "lr_scheduler._target_=torch.optim.lr_scheduler.CosineAnnealingLR is no more"
    ]
    headless = {key: value for key, value in task.settings.items() if key != "model.head._target_"}
    assert differences(task, headless) == ["model.head._target_ was unknown"]


def test_what_a_run_chooses_by_its_texts_is_no_difference() -> None:
    (task, *_) = tasks(Study("mini", (*COMMON, "trainer.max_epochs=null"), CONDITIONS[:1]))
    assert differences(task, {**task.settings, "trainer.max_epochs": "7"}) == []
    (bounded, *_) = tasks(Study("mini", COMMON, CONDITIONS[:1]))
    assert differences(bounded, {**bounded.settings, "trainer.max_epochs": "7"}) == ["trainer.max_epochs=7, now 1"]


def test_a_baseline_has_a_command_of_its_own() -> None:
    condition = Condition(
        "tfidf", ("baseline=tfidf", "dataset=planted"), (0,), {}, command="baseline", has_common=False
    )
    needed = tasks(Study("mini", COMMON, (*CONDITIONS, condition)))
    assert [task.name for task in needed][:3] == ["learns-seed0", "stays-seed0", "tfidf-seed0"]
    baseline = needed[2]
    assert baseline.settings["baseline._target_"].endswith("TfidfConfig")
    assert differences(baseline, needed[0].settings) != []
    line = command(RunStatus(baseline, State.MISSING), Place(Path("out")))
    assert line[:2] == ["baseline", "baseline=tfidf"]
    assert not [text for text in line if text.startswith(("trainer", "model"))]
