import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.sources.imdb import ImdbConfig
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.data.sources.table import TableConfig

FOLDER = Path(__file__).parents[2] / "conf" / "dataset"


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("planted", PlantedConfig()),
        ("imdb", ImdbConfig()),
        ("table", TableConfig(source="???", text_column="???", label_column="???")),
    ],
)
def test_each_choice_lists_every_field_with_its_default_and_a_comment(name: str, config: DatasetConfig) -> None:
    content = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    choice: dict[str, Any] = yaml.safe_load(content)
    target = f"{type(config).__module__}.{type(config).__qualname__}"
    assert choice == {"_target_": target, **dataclasses.asdict(config)}
    settings = [line for line in content.splitlines() if ":" in line.partition("#")[0]]
    uncommented = [line for line in settings if "#" not in line]
    assert uncommented == [f"_target_: {target}", "cleaning:", "alphabet:"]
