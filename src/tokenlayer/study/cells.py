"""What a study is: cells, each one setting of `tokenlayer train` under several seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import Composer, composing
from tokenlayer.config.schema import ReferenceRunConfig, TrainConfig
from tokenlayer.config.typed import flatten
from tokenlayer.errors import InputError
from tokenlayer.tracking.names import PARAM_LENGTH, cut
from tokenlayer.tracking.uri import without_secrets

# What does not decide a result: where things lie, what watches, how many threads.
_BESIDE = (
    "seed",
    "output_dir",
    "resume",
    "allow_targets",
    "tracking",
    "callbacks",
    "dataset.source",
    "dataset.cache_dir",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.threads",
)


CommandName = Literal["train", "reference"]
_SCHEMAS: dict[CommandName, type] = {"train": TrainConfig, "reference": ReferenceRunConfig}


@dataclass(frozen=True)
class Cell:
    """One setting, to be run under several seeds."""

    name: str
    """Its name in the study, of letters, digits, `.`, `_` and `-`."""
    overrides: tuple[str, ...]
    """Settings of the command, on top of the study's; `${seed}` stands for the run's seed."""
    seeds: tuple[int, ...]
    shown: Mapping[str, str | int]
    """Columns that tell the cell in tables and figures: `method`, `N`, `head`."""
    command: CommandName = "train"
    """Of `tokenlayer`."""
    has_common: bool = True
    """Whether the study's common settings come before its own."""


@dataclass(frozen=True)
class Study:
    """Cells that answer one question."""

    name: str
    """MLflow's experiment of its runs."""
    common: tuple[str, ...]
    """Settings of every cell that does not do without."""
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        names = [cell.name for cell in self.cells]
        twice = sorted({name for name in names if names.count(name) > 1})
        strange = [name for name in names if not re.fullmatch(r"[\w.-]+", name)]
        if twice or strange:
            raise ValueError(f"cells need names of their own, of letters, digits and . _ -: {twice or strange}")


@dataclass(frozen=True)
class Task:
    """A run that a study needs."""

    study: str
    cell: Cell
    seed: int
    overrides: tuple[str, ...]
    """Of study and cell, those that were asked for beside them, and the seed."""
    settings: Mapping[str, str]
    """What decides the result beside the seed, as MLflow keeps it: dotted key → text."""

    @property
    def name(self) -> str:
        return f"{self.cell.name}-seed{self.seed}"

    @property
    def set_keys(self) -> list[str]:
        """Keys among the settings that an override names."""
        return [key for text in self.overrides if (key := text.partition("=")[0].lstrip("+")) in self.settings]


def tasks(study: Study, settings: Sequence[str] = ()) -> list[Task]:
    """Every run of a study, seed by seed: what ends early leaves whole seeds behind.

    Args:
        study: its cells.
        settings: more settings of every cell.

    Raises:
        InputError: settings that cannot be.

    """
    seeds = sorted({seed for cell in study.cells for seed in cell.seeds})
    made: dict[str, dict[int, Task]] = {}
    for command in dict.fromkeys(cell.command for cell in study.cells):
        with composing(command) as composer:
            made |= {
                cell.name: _tasks(composer, study, cell, settings) for cell in study.cells if cell.command == command
            }
    return [made[cell.name][seed] for seed in seeds for cell in study.cells if seed in cell.seeds]


def _tasks(composer: Composer, study: Study, cell: Cell, settings: Sequence[str]) -> dict[int, Task]:
    """Seed → run. Composing takes a tenth of a second, so it is done once, and what follows the seed put in."""
    common = study.common if cell.has_common else ()
    overrides = (*common, *cell.overrides, *settings, "seed=${seed}")
    spec: Spec[Any] = Spec(_SCHEMAS[cell.command], lambda composed, _: composed)
    try:
        (job,) = check(composer, with_seed(overrides, cell.seeds[0]), spec, multirun=False)
    except InputError as error:
        raise InputError(f"cell {cell.name} of study {study.name}: {error}") from error
    resolved = deciding(job.resolved)
    following = [text.partition("=")[::2] for text in overrides if "${seed}" in text]
    made = {}
    for seed in cell.seeds:
        own = {key: value.replace("${seed}", str(seed)) for key, value in following if key in resolved}
        made[seed] = Task(study.name, cell, seed, with_seed(overrides, seed), {**resolved, **own})
    return made


def with_seed(overrides: Sequence[str], seed: int) -> tuple[str, ...]:
    """The overrides of one seed: `${seed}` in them replaced."""
    return tuple(text.replace("${seed}", str(seed)) for text in overrides)


def deciding(resolved: Mapping[str, Any]) -> dict[str, str]:
    """Those settings of a resolved configuration that decide a run's result, as MLflow keeps parameters."""
    return {key: cut(without_secrets(str(value)), PARAM_LENGTH) for key, value in flatten(resolved) if is_deciding(key)}


def is_deciding(key: str) -> bool:
    """Whether a dotted key of the configuration decides a run's result, the seed aside."""
    return not any(key == beside or key.startswith(f"{beside}.") for beside in _BESIDE)
