"""Settings that a configuration leaves open (null) are chosen by its parts before a run begins, and written into it."""

from __future__ import annotations

import copy
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenlayer.config.problems import ConfigError
from tokenlayer.config.typed import load
from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.prepare import profile
from tokenlayer.data.settling import Choice, OpenSettings, Plan, settle
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.settling import settled


@dataclass(frozen=True)
class Chosen:
    """A configuration without anything open."""

    config: TrainConfig
    resolved: dict[str, Any]
    """The configuration in plain containers."""
    choices: tuple[Choice, ...]
    """What is to be told; a value that follows from another is not."""


def choose(config: TrainConfig, resolved: Mapping[str, Any]) -> Chosen:
    """The configuration with a value in every place that its parts have left open.

    Args:
        config: as composed.
        resolved: the same in plain containers.

    Raises:
        InputError: the texts cannot be read, or what is set does not fit what had to be chosen.

    """
    _, choices = settled(config)
    plain = _with_values(resolved, choices)
    complete = load(plain, TrainConfig, allow_targets=config.allow_targets) if choices else config
    return Chosen(complete, plain, _told(choices))


def choose_texts(config: DatasetConfig, resolved: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Choice, ...]]:
    """A configuration, in plain containers, of which nothing but the texts may be left open; and what was chosen.

    Args:
        config: its dataset.
        resolved: all of it.

    Raises:
        InputError: the texts cannot be read.

    """
    if not config.left_open():
        return _with_values(resolved, ()), ()
    choices = [choice.within("dataset") for choice in settle(config, profile(config), Plan())[1]]
    return _with_values(resolved, choices), _told(choices)


def open_keys(resolved: Mapping[str, Any], allow_targets: Sequence[str]) -> list[str]:
    """The dotted keys that the sections of a training, in plain containers, leave open.

    A section with problems counts as leaving nothing open: they are reported where the whole is typed.
    """
    return [
        f"{section}.{name}"
        for section, kind in kinds_of_parts().items()
        if isinstance(resolved.get(section), Mapping)
        for name in _open_in(resolved[section], kind, allow_targets)
    ]


def kinds_of_parts() -> dict[str, type[OpenSettings]]:
    """The sections of a training that may leave something open, each with its base class."""
    found = {}
    for section, annotation in typing.get_type_hints(TrainConfig).items():
        for kind in typing.get_args(annotation) or (annotation,):
            if isinstance(kind, type) and issubclass(kind, OpenSettings):
                found[section] = kind
    return found


def _open_in(section: Mapping[str, Any], kind: type[OpenSettings], allow_targets: Sequence[str]) -> list[str]:
    try:
        return load(section, kind, allow_targets=allow_targets).left_open()
    except ConfigError:  # of a partial of another package's class, which is no section of its own
        return [name for name in kind.open_fields if name in section and section[name] is None]


def _with_values(resolved: Mapping[str, Any], choices: Sequence[Choice]) -> dict[str, Any]:
    plain = copy.deepcopy(dict(resolved))
    for choice in choices:
        *parents, name = choice.key.split(".")
        node = plain
        for part in parents:
            node = node.setdefault(part, {})
        node[name] = choice.value
    return plain


def _told(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    return tuple(choice for choice in choices if choice.reason)
