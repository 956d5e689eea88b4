"""The files of the datasets: each holds its own settings, one file those that all datasets have."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.sources.huggingface import HuggingFaceConfig
from tokenlayer.data.sources.imdb import ImdbConfig
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.data.sources.planted_order import PlantedOrderConfig
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.training.config import TrainConfig

CONF = Path(__file__).parents[2] / "conf"
COMMON = {field.name for field in dataclasses.fields(DatasetConfig)}
TABLE = {"source": "a.csv", "text_column": "text", "label_column": "label"}
HUB = {"name": "somebody/reviews", "text_column": "text", "label_column": "label"}
GIVEN = {"table": TABLE, "huggingface": HUB}
DATASETS = [
    ("planted", PlantedConfig()),
    ("planted_order", PlantedOrderConfig()),
    ("imdb", ImdbConfig()),
    ("table", TableConfig(**TABLE)),
    ("huggingface", HuggingFaceConfig(**HUB)),
]


def read(path: str) -> tuple[dict[str, Any], list[str]]:
    """The settings of a file, and its lines that set a value without a comment."""
    content = (CONF / path).read_text(encoding="utf-8")
    settings = [line for line in content.splitlines() if ":" in line.partition("#")[0]]
    return yaml.safe_load(content), [line for line in settings if "#" not in line]


@pytest.mark.parametrize(("name", "config"), DATASETS)
def test_a_dataset_is_composed_of_the_defaults_of_its_class(name: str, config: DatasetConfig) -> None:
    given = [f"dataset.{key}={value}" for key, value in GIVEN.get(name, {}).items()]
    with composing("train") as composer:
        spec = Spec(TrainConfig, lambda plain, _: plain)
        (job,) = check(composer, [f"dataset={name}", *given], spec, multirun=False)
    assert job.config.dataset == config
    assert set(job.resolved["dataset"]) == {"_target_", *(field.name for field in dataclasses.fields(config))}


@pytest.mark.parametrize(("name", "config"), DATASETS)
def test_its_file_has_its_own_settings_and_those_that_differ(name: str, config: DatasetConfig) -> None:
    choice, uncommented = read(f"dataset/{name}.yaml")
    own = {field.name for field in dataclasses.fields(config)} - COMMON
    assert own <= set(choice)
    differing = {key for key in COMMON & set(choice) if dataclasses.asdict(config)[key] != read("texts.yaml")[0][key]}
    assert set(choice) == {"_target_", "defaults"} | own | differing
    assert uncommented == ["defaults:", f"_target_: {type(config).__module__}.{type(config).__qualname__}"]


def test_one_file_has_what_all_datasets_have() -> None:
    common, uncommented = read("texts.yaml")
    assert set(common) == COMMON
    assert uncommented == ["cleaning:", "alphabet:"]
