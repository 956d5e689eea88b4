"""The configuration of a saved run, with the settings of a new command line on top.

A run is continued or evaluated from what it saved (`config/resolved.yaml`), not from the present files:
`./conf` may have changed since.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokenlayer.config.chosen import open_keys
from tokenlayer.config.compose import Line
from tokenlayer.config.defaults import with_parts_completed
from tokenlayer.config.problems import ConfigError, Problem, shown
from tokenlayer.config.typed import flatten, load
from tokenlayer.errors import InputError
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.schedule import Schedule

if TYPE_CHECKING:
    from tokenlayer.training.checkpoint_loading import SavedModel

EXPERIMENT = "tracking.experiment"
# A checkpoint fits only these as they were; optimizer and schedule would take their state from it anyway.
FIXED = ("seed", "dataset", "initializer", "learning_rule", "model", "optimizer", "lr_scheduler", EXPERIMENT)
# These say where the run was found, and it continues there.
PLACE = ("output_dir", "tracking.uri")

_ABSENT = object()


@dataclass(frozen=True)
class SavedRun:
    """The configuration that a run has recorded."""

    name: str
    """Id of the run, whatever part of it the command line gave; path of a bare checkpoint."""
    resolved: Mapping[str, Any]
    """`config/resolved.yaml`: the whole configuration in plain containers."""
    overrides: Sequence[str]
    """`config/overrides.yaml`: the command line it was started with."""


Reader = Callable[[str, TrackingConfig, str], SavedRun]
"""Finds a saved run by what names it (or a checkpoint), tracking settings and `output_dir`. Raises `InputError`."""


def find(composed: Mapping[str, Any], key: str, read: Reader) -> SavedRun:
    """The run that the composed value at `key` (`resume`) names. Raises `ConfigError`."""
    if isinstance(composed[key], float):  # of a file, in whose YAML the id 1e5 is a number
        raise ConfigError([Problem(key, f"is the number {composed[key]} in this file: put it between quotes, as text")])
    tracking = load(composed["tracking"], TrackingConfig, key="tracking")
    try:
        return read(str(composed[key]), tracking, str(composed["output_dir"]))
    except InputError as error:
        raise ConfigError([Problem(key, str(error))]) from error


def trained_config(saved: SavedModel, allow_targets: Sequence[str]) -> TrainConfig:
    """The configuration that a checkpoint carries, for its model to be rebuilt.

    The store is left out: it is not that of the run at hand, and its password is not recorded.

    Raises:
        InputError: it is none; the message names the checkpoint and lists all problems.

    """
    try:
        return load({**saved.config(), "tracking": {}}, TrainConfig, allow_targets=allow_targets)
    except ConfigError as error:
        raise InputError(f"the settings in {saved.place}: {error}") from error


def continued(composed: Mapping[str, Any], line: Line, saved: SavedRun) -> dict[str, Any]:
    """The saved configuration with what `line` sets, taken from `composed`, on top.

    Raises `ConfigError` naming every setting that the checkpoint does not allow to change.
    """
    result = copy.deepcopy(dict(saved.resolved))
    changed = [choice.key_or_group.replace("/", ".") for choice in line.choices]
    changed += [setting.key_or_group for setting in line.settings]
    for key in (*PLACE, *changed):
        _put(result, key, _get(composed, key))
    if _get(result, EXPERIMENT) is None:  # of an option of `tracking`, which leaves it open
        _put(result, EXPERIMENT, _get(saved.resolved, EXPERIMENT))
    result["resume"] = saved.name
    given = result.get("allow_targets")
    allowed = given if isinstance(given, list) else ()
    for key in open_keys(result, allowed):
        _put(result, key, _get(saved.resolved, key))  # what the line leaves open is what the run has chosen
    problems = [
        *_other_experiment(composed, line, saved),
        # Completed: what one of them leaves to a default, the other may name.
        *_changes(with_parts_completed(saved.resolved, allowed), with_parts_completed(result, allowed)),
        *_beyond_the_schedule(saved, result),
    ]
    if problems:
        raise ConfigError(problems)
    return result


def with_saved_dataset(composed: Mapping[str, Any], line: Line, saved: SavedRun) -> dict[str, Any]:
    """`composed` with the saved run's dataset and `line`'s settings of it, unless `line` chooses another."""
    if line.chosen("dataset"):
        return dict(composed)
    dataset = {"dataset": copy.deepcopy(saved.resolved["dataset"])}
    for setting in line.settings:
        if setting.key_or_group.startswith("dataset."):
            _put(dataset, setting.key_or_group, _get(composed, setting.key_or_group))
    return {**composed, **dataset}


def _other_experiment(composed: Mapping[str, Any], line: Line, saved: SavedRun) -> Iterator[Problem]:
    """An experiment (a group that leaves no section) may only repeat what the run was started with."""
    for choice in line.choices:
        text = str(choice.input_line)
        if _get(composed, choice.key_or_group.replace("/", ".")) is _ABSENT and text not in saved.overrides:
            started = " ".join(saved.overrides) or "no overrides"
            yield Problem(text, f"the run was started with {started}; leave this out to continue it")


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Problem]:
    old, new = dict(flatten(before)), dict(flatten(after))
    for key in dict.fromkeys((*old, *new)):
        is_fixed = any(key == fixed or key.startswith(f"{fixed}.") for fixed in FIXED)
        was, wanted = old.get(key), new.get(key)
        if is_fixed and was != wanted:
            yield Problem(
                key,
                f"is {shown(was)} in the run and cannot become {shown(wanted)}: its checkpoint is of that "
                "model and data; leave it out, or start a new run without resume",
            )


def _beyond_the_schedule(saved: SavedRun, after: Mapping[str, Any]) -> Iterator[Problem]:
    """A schedule that was made for the epochs of the run comes to its end with them."""
    key = "trainer.max_epochs"
    was, wanted = _get(saved.resolved, key), _get(after, key)
    if not isinstance(wanted, int) or not isinstance(was, int) or not (wanted > was or (wanted == -1 and was != -1)):
        return
    for schedule in (f"lr_scheduler.{name}" for name in Schedule.open_fields):
        steps = _get(saved.resolved, schedule)
        is_given = any(override.lstrip("+").startswith(f"{schedule}=") for override in saved.overrides)
        if isinstance(steps, int) and not is_given:
            yield Problem(
                key,
                f"cannot become {wanted}: the run's learning rate comes to its end after {was} epochs "
                f"({schedule}={steps} steps), and no schedule goes on from there; leave it at {was}, or start a "
                "new run of more epochs without resume",
            )


def _get(section: Mapping[str, Any], key: str) -> Any:
    node: Any = section
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return _ABSENT
        node = node[part]
    return node


def _put(section: dict[str, Any], key: str, value: Any) -> None:
    """Sets a dotted key, or removes it when the value is absent."""
    *parents, name = key.split(".")
    node = section
    for part in parents:
        if not isinstance(node.get(part), dict):
            if value is _ABSENT:
                return
            node[part] = {}
        node = node[part]
    if value is _ABSENT:
        node.pop(name, None)
    else:
        node[name] = copy.deepcopy(value)
