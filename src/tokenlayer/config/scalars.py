"""Numbers, flags and text as YAML, environment variables and the command line give them.

The conversions are OmegaConf's, save that a flag never counts as a number or as text:
`trainer.max_epochs=true` is a slip, not 1.
"""

from typing import Any

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})

NAMES: dict[type, str] = {int: "an integer", float: "a number", bool: "true or false", str: "text"}


def to_bool(value: Any) -> bool:
    """True or false; from text too, as environment variables give it. ValueError otherwise."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError(value)


def to_int(value: Any) -> int:
    """An integer; a float is refused even when it is whole. ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(value)
    return int(value)


def to_float(value: Any) -> float:
    """A number; `1e-3` is text to YAML 1.1 and becomes one here. ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    return float(value)


def to_str(value: Any) -> str:
    """Text; a number becomes its digits (`tracking.experiment=2024`). ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    return str(value)


CONVERSIONS = {int: to_int, float: to_float, bool: to_bool, str: to_str}


def convert(value: Any, scalar: type) -> Any:
    """`value` as `scalar` (int, float, bool or str). ValueError when it is none."""
    return CONVERSIONS[scalar](value)
