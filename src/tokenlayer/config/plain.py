"""A composed configuration → plain containers with every interpolation resolved."""

from typing import Any

from omegaconf import DictConfig, ListConfig
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from tokenlayer.config.problems import Problem
from tokenlayer.config.typed import MISSING


def resolve(config: DictConfig) -> tuple[dict[str, Any], list[Problem]]:
    """Nested dicts and lists, and what could not be resolved; such values and missing ones are `???`."""
    problems: list[Problem] = []
    return {str(name): _value(config, name, str(name), problems) for name in config}, problems


def _value(parent: DictConfig | ListConfig, name: Any, key: str, problems: list[Problem]) -> Any:
    try:
        value = parent[name]
    except MissingMandatoryValue:
        return MISSING
    except OmegaConfBaseException as error:
        problems.append(Problem(key, str(error).splitlines()[0]))
        return MISSING
    if isinstance(value, DictConfig):
        return {str(child): _value(value, child, _join(key, child), problems) for child in value}
    if isinstance(value, ListConfig):
        return [_value(value, i, f"{key}[{i}]", problems) for i in range(len(value))]
    return value


def _join(key: str, name: object) -> str:
    return f"{key}.{name}"
