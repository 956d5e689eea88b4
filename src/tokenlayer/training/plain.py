"""A configuration made of dataclasses, in plain containers: as YAML would have it."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union

from tokenlayer.data.config import DatasetConfig
from tokenlayer.outside import Imported

_TARGET = "_target_"


class NotPlainError(Exception):
    """A part of the configuration that no YAML can say: a function, or a class within a function."""


def plain_config(config: Any) -> dict[str, Any]:
    """A dataclass object with every value in effect; classes stand as `_target_` where a section may have several.

    Texts that a program gave are left out: they belong into no checkpoint.

    Raises:
        NotPlainError: something in it has no name by which it could be found again.

    """
    left_out = type(config).in_memory if isinstance(config, DatasetConfig) else frozenset()
    hints = typing.get_type_hints(type(config))
    return {
        field.name: [] if field.name in left_out else _plain(getattr(config, field.name), hints[field.name])
        for field in dataclasses.fields(config)
        if field.init
    }


def _plain(value: Any, annotation: Any = None) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        known = type(value) in _members(annotation)
        return ({} if known else {_TARGET: _path(type(value))}) | plain_config(value)
    if isinstance(value, functools.partial) and not value.args:
        return {_TARGET: _path(value.func), **{name: _plain(item) for name, item in value.keywords.items()}}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    raise NotPlainError(f"{value!r} has no name in a configuration")


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type."""
    is_union = typing.get_origin(annotation) in (Union, types.UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


def _path(kind: Any) -> str:
    """The dotted path of a class."""
    if isinstance(kind, Imported):
        return kind.path
    path = f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"
    if not isinstance(kind, type) or "<" in path:
        raise NotPlainError(f"{kind!r} is no class that can be imported by name")
    return path
