"""The container files, parsed as far as the tests need."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]


class Instruction(NamedTuple):
    stage: str
    """Name of the stage; empty before the first FROM."""
    word: str
    """FROM, RUN, COPY, …"""
    text: str
    """What follows, continuation lines joined."""


def parse_dockerfile(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    stage, instructions = "", []
    for line in joined.splitlines():
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            stage = rest.split(" AS ")[1]
        instructions.append(Instruction(stage, word, rest))
    return instructions


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def dockerfile() -> list[Instruction]:
    return parse_dockerfile((ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def compose() -> dict:
    return yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def compose_gpu() -> dict:
    return yaml.safe_load((ROOT / "docker" / "compose.gpu.yaml").read_text(encoding="utf-8"))
