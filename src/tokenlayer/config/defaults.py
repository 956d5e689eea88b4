"""The values of a configuration that no file names, filled in: what is recorded has every value in effect."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenlayer.config.chosen import kinds_of_parts
from tokenlayer.config.problems import ConfigError
from tokenlayer.config.typed import load
from tokenlayer.training.plain import NotPlainError, plain_config


def completed(section: Mapping[str, Any], made: object) -> dict[str, Any]:
    """A section in plain containers with the values that it leaves to the defaults of its classes.

    Args:
        section: plain containers.
        made: the dataclass object that was made of them.

    """
    try:
        return _merged(section, plain_config(made))
    except NotPlainError:  # a class of a user's own that holds what no file could have said
        return dict(section)


def with_parts_completed(resolved: Mapping[str, Any], allow_targets: Sequence[str]) -> dict[str, Any]:
    """A training's configuration with each of its parts completed; a part with problems stays as it is."""
    return {**resolved, **dict(_completed_parts(resolved, allow_targets))}


def _completed_parts(resolved: Mapping[str, Any], allow_targets: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, kind in kinds_of_parts().items():
        section = resolved.get(name)
        if isinstance(section, Mapping):
            try:
                yield name, completed(section, load(section, kind, allow_targets=allow_targets))
            except ConfigError:
                continue


def _merged(given: Mapping[str, Any], full: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(given)
    for name, value in full.items():
        if name not in given:
            result[name] = value
        elif isinstance(value, Mapping) and isinstance(given[name], Mapping):
            result[name] = _merged(given[name], value)
    return result
