"""A study as its conditions: settings of `tokenlayer`, each to be run under several seeds."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tokenlayer.baselines.config import BaselineRunConfig
from tokenlayer.comparison.settings import is_relevant
from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import Composer, composing
from tokenlayer.config.typed import flatten
from tokenlayer.data.settling import left_open
from tokenlayer.errors import InputError
from tokenlayer.redaction import redacted_settings
from tokenlayer.tracking.names import PARAM_LENGTH, cut
from tokenlayer.training.config import TrainConfig

CommandName = Literal["train", "baseline"]
_SCHEMAS: dict[CommandName, type] = {"train": TrainConfig, "baseline": BaselineRunConfig}


@dataclass(frozen=True)
class Condition:
    """One setting, to be run under several seeds."""

    name: str
    """The name in the study: letters, digits, `.`, `_` and `-`."""
    overrides: tuple[str, ...]
    """Overrides on top of the study's; `${seed}` in them stands for the run's seed."""
    seeds: tuple[int, ...]
    shown: Mapping[str, str | int]
    """Columns that describe the condition in tables and figures: `method`, `N`, `head`."""
    command: CommandName = "train"
    """The command of `tokenlayer` that runs it."""
    has_common: bool = True
    """The study's common overrides come before its own."""


@dataclass(frozen=True)
class Study:
    """Conditions that together answer one question."""

    name: str
    """The name, and that of the MLflow experiment with its runs."""
    common: tuple[str, ...]
    """Overrides of every condition with `has_common`."""
    conditions: tuple[Condition, ...]

    def __post_init__(self) -> None:
        names = [condition.name for condition in self.conditions]
        twice = sorted({name for name in names if names.count(name) > 1})
        strange = [name for name in names if not re.fullmatch(r"[\w.-]+", name)]
        if twice or strange:
            raise ValueError(
                f"each condition needs a name of its own, of letters, digits and . _ -: {twice or strange}"
            )


@dataclass(frozen=True)
class Task:
    """A run that a study needs."""

    study: str
    condition: Condition
    seed: int
    overrides: tuple[str, ...]
    """Those of study and condition, those of the command line, and the seed."""
    settings: Mapping[str, str]
    """All settings that can change the result, the seed aside, as MLflow stores them: dotted key → text."""
    left_open: Collection[str] = ()
    """Those of them that each run chooses for itself."""

    @property
    def name(self) -> str:
        return f"{self.condition.name}-seed{self.seed}"

    @property
    def set_keys(self) -> list[str]:
        """Keys of `settings` that an override names."""
        return [key for text in self.overrides if (key := text.partition("=")[0].lstrip("+")) in self.settings]


def tasks(study: Study, settings: Sequence[str] = ()) -> list[Task]:
    """All runs of a study, ordered by seed, so that a study that ends early has whole seeds.

    Args:
        study: the study.
        settings: more overrides of every condition.

    Raises:
        InputError: the settings are wrong.

    """
    seeds = sorted({seed for condition in study.conditions for seed in condition.seeds})
    made: dict[str, dict[int, Task]] = {}
    for command in dict.fromkeys(condition.command for condition in study.conditions):
        with composing(command) as composer:
            made |= {
                condition.name: _tasks(composer, study, condition, settings)
                for condition in study.conditions
                if condition.command == command
            }
    return [made[condition.name][seed] for seed in seeds for condition in study.conditions if seed in condition.seeds]


def _tasks(composer: Composer, study: Study, condition: Condition, settings: Sequence[str]) -> dict[int, Task]:
    """Seed → run. Composing takes a tenth of a second, so it is done once; `${seed}` is replaced afterwards."""
    common = study.common if condition.has_common else ()
    overrides = (*common, *condition.overrides, *settings, "seed=${seed}")
    spec: Spec[Any] = Spec(_SCHEMAS[condition.command], lambda composed, _: composed)
    try:
        (job,) = check(composer, with_seed(overrides, condition.seeds[0]), spec, multirun=False)
    except InputError as error:
        raise InputError(f"condition {condition.name} of study {study.name}: {error}") from error
    resolved = relevant(job.resolved)
    following = [text.partition("=")[::2] for text in overrides if "${seed}" in text]
    made = {}
    for seed in condition.seeds:
        own = {key: value.replace("${seed}", str(seed)) for key, value in following if key in resolved}
        made[seed] = Task(
            study.name, condition, seed, with_seed(overrides, seed), {**resolved, **own}, left_open(job.config)
        )
    return made


def with_seed(overrides: Sequence[str], seed: int) -> tuple[str, ...]:
    """The overrides with `${seed}` replaced."""
    return tuple(text.replace("${seed}", str(seed)) for text in overrides)


def relevant(resolved: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a resolved configuration that can change a run's result, as MLflow stores parameters."""
    return {
        key: cut(str(redacted_settings(value, key)), PARAM_LENGTH)
        for key, value in flatten(resolved)
        if is_relevant(key)
    }
