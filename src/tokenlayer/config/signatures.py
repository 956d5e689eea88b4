"""The arguments of other packages' classes (torch's optimizers and schedulers), as far as signatures show them."""

import functools
import inspect
import operator
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union

from tokenlayer.config import scalars


def keyword_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return what may be given to `cls` by name, without its first parameter (what it optimizes or schedules)."""
    parameters = list(inspect.signature(cls).parameters.values())[1:]
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {parameter.name: parameter for parameter in parameters if parameter.kind in by_name}


def argument_types(cls: type, parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """The type of each parameter: its annotation, else the type of its default, else Any."""
    try:
        hints = typing.get_type_hints(cls.__init__)  # type: ignore[misc]  # of a class, on purpose
    except (NameError, TypeError):  # names that exist for type checkers only
        hints = {}
    return {
        name: _configurable(hints.get(name, _type_of_default(parameter.default)))
        for name, parameter in parameters.items()
    }


def _type_of_default(default: Any) -> Any:
    return type(default) if type(default) in scalars.CONVERSIONS else Any


def _configurable(annotation: Any) -> Any:
    """The part of an annotation that YAML can give (`float | Tensor` → `float`); Any when there is none."""
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        kept = [known for member in members if (known := _configurable(member)) is not Any]
        return functools.reduce(operator.or_, kept) if kept else Any
    if origin in (list, tuple):
        return origin[tuple(member if member is ... else _configurable(member) for member in members)]
    if annotation in scalars.CONVERSIONS or annotation is types.NoneType or origin is Literal:
        return annotation
    return Any
