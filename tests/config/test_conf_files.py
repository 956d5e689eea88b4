"""The files of `conf/` against the dataclasses that they configure."""

import dataclasses
import functools
from pathlib import Path

import pytest
import yaml

from tokenlayer.baselines.config import BaselineRunConfig
from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.config.search_path import local_conf, packaged_conf
from tokenlayer.config.targets import locate
from tokenlayer.config.typed import load
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.search.config import SearchConfig, SearchRunConfig
from tokenlayer.training.config import EvaluateConfig, TrainConfig

# What they differ in from the default of the class is what they are for.
TO_A_STORE = ("tracking/local.yaml", "tracking/server.yaml")
CONF = Path(__file__).parents[2] / "conf"
OPTIONS = sorted(path.relative_to(CONF).as_posix() for path in CONF.glob("*/**/*.yaml"))
# What an option needs to be complete.
GIVEN = {
    "dataset/table.yaml": ["dataset.source=a.csv", "dataset.text_column=t", "dataset.label_column=l"],
    "dataset/huggingface.yaml": ["dataset.name=a", "dataset.text_column=t", "dataset.label_column=l"],
    "initializer/vocabulary.yaml": ["initializer.file=patterns.txt"],
    "model/reader/recurrent.yaml": ["model=sequence"],
    "model/reader/transformer.yaml": ["model=sequence"],
    "tracking/server.yaml": ["tracking.uri=http://localhost:5000"],
    "trainer/gpu.yaml": ["trainer.accelerator=cpu"],
}
# Groups that are not train's.
PRIMARIES = {
    "baseline": {"primary": "baseline", "schema": BaselineRunConfig},
    "search": {"primary": "search", "schema": SearchRunConfig},
}


def checked(*texts, primary="train", schema=TrainConfig):
    with composing(primary) as composer:
        (job,) = check(composer, texts, Spec(schema, lambda composed, line: composed), multirun=False)
    # The check takes the arguments of packaged optimizers and schedules for right; here they are looked at.
    load(job.resolved, schema)
    return job


def sections(node):
    """Every mapping with a `_target_`, at any depth."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield node
        for child in node.values():
            yield from sections(child)


def test_files_are_found_in_a_checkout(monkeypatch):
    monkeypatch.chdir(CONF.parent)
    assert packaged_conf() == CONF
    assert local_conf() is None, "./conf is the packaged folder itself and must not be searched twice"


def test_defaults_are_complete():
    job = checked()
    assert isinstance(job.config, TrainConfig)
    assert set(job.resolved) == {field.name for field in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize("option", [option for option in OPTIONS if not option.startswith(("hydra/", "callbacks/"))])
def test_every_option_composes(option):
    group, _, name = option.removesuffix(".yaml").rpartition("/")
    checked(f"{group}={name}", *GIVEN.get(option, []), **PRIMARIES.get(group, {}))


@pytest.mark.parametrize("option", OPTIONS)
def test_a_file_lists_every_field_of_its_class(option):
    for section in sections(yaml.safe_load((CONF / option).read_text(encoding="utf-8"))):
        cls = locate(section["_target_"])
        if dataclasses.is_dataclass(cls):
            fields = {field.name for field in dataclasses.fields(cls)}
            assert fields - set(section) - given_by_defaults(option) == set(), f"{option} leaves fields out"


def given_by_defaults(option):
    """What a defaults list puts there: `- head: flatten`, `- /texts@_here_`, `- tokens` of the same group."""
    text = yaml.safe_load((CONF / option).read_text(encoding="utf-8"))
    names = set()
    for entry in text.get("defaults", []):
        for key in [entry] if isinstance(entry, str) else entry:
            names.add(str(key).rpartition("@")[2].rpartition("/")[2])
            if str(key).endswith("@_here_"):
                names |= set(yaml.safe_load((CONF / f"{key[1:-7]}.yaml").read_text(encoding="utf-8")))
                continue
            if (CONF / option).with_name(f"{key}.yaml").is_file():  # another option of the group, to build upon
                base = f"{option.rpartition('/')[0]}/{key}.yaml"
                names |= set(yaml.safe_load((CONF / base).read_text(encoding="utf-8"))) | given_by_defaults(base)
    return names


@pytest.mark.parametrize("name", ["trainer/default.yaml"])
def test_trainer_lists_every_field(name):
    section = yaml.safe_load((CONF / name).read_text(encoding="utf-8"))
    fields = {field.name: field for field in dataclasses.fields(checked().config.trainer)}
    assert set(section) == set(fields)
    assert checked().config.trainer == type(checked().config.trainer)(), "a default differs between class and file"


def test_a_training_made_in_python_has_the_defaults_of_the_command():
    composed = checked("dataset=table", *GIVEN["dataset/table.yaml"]).config
    made = TrainConfig(dataset=TableConfig(source="a.csv", text_column="t", label_column="l"))
    for field in dataclasses.fields(TrainConfig):
        ours, theirs = getattr(made, field.name), getattr(composed, field.name)
        if isinstance(ours, functools.partial):
            ours, theirs = ((type(each), each.func, _plain(each.keywords)) for each in (ours, theirs))
        if field.name != "callbacks":  # there is no store in which they could record
            assert ours == theirs, field.name


def _plain(arguments):
    """The arguments as YAML has them, which knows no tuples."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in arguments.items()}


@pytest.mark.parametrize("option", [option for option in OPTIONS if not option.startswith("hydra/")])
def test_an_option_that_builds_on_no_other_has_the_defaults_of_its_class(option):
    """Such as `dataset=planted`, unlike `planted_short`; in Python a class is all that there is."""
    section = yaml.safe_load((CONF / option).read_text(encoding="utf-8"))
    cls = locate(section["_target_"]) if "_target_" in section else None
    if not dataclasses.is_dataclass(cls) or "defaults" in section or option in TO_A_STORE:
        return
    # What has no default needs some value, here its own name.
    required = {name: name for name, value in section.items() if value == "???"}
    assert load({**section, **required}, cls) == cls(**required)


def test_values_that_only_the_optimizer_knows():
    with pytest.raises(Exception, match="optimizer: Invalid learning rate: -1"):
        checked("optimizer=adam", "optimizer.lr=-1")


def test_a_search_has_the_settings_of_a_training_and_its_own():
    job = checked(primary="search", schema=SearchRunConfig)
    assert job.config.search == SearchConfig()
    assert {**job.resolved, "search": None} == {**checked().resolved, "search": None}
    file = yaml.safe_load((CONF / "search.yaml").read_text(encoding="utf-8"))
    assert set(file["search"]) == {field.name for field in dataclasses.fields(SearchConfig)}


def test_evaluation_needs_a_dataset_of_its_own_or_of_the_run():
    with composing("evaluate") as composer:
        spec = Spec(EvaluateConfig, lambda composed, line: composed)
        (job,) = check(composer, ["run=abc", "dataset=planted"], spec, multirun=False)
        assert job.config.run == "abc"
        with pytest.raises(Exception, match="dataset: must be given"):
            check(composer, ["run=abc"], spec, multirun=False)
