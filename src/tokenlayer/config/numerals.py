"""Text that looks like a number: run ids and names such as `0123` or `1e5` reach Hydra between quotes.

Its grammar would read numbers, 123 and 100000.0, of which the text cannot be told any more.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Union

_OVERRIDE = re.compile(r"(?P<key>\+{0,2}[\w.]+)=(?P<values>[\w.+,-]+)")
_NUMBER = re.compile(r"[+-]?[\d_]*\.?[\d_]+\.?(e[+-]?[\d_]+)?", re.IGNORECASE)
_AS_WRITTEN = re.compile(r"0|[1-9]\d*")  # a number that is written with the same digits again


def quoted(overrides: Sequence[str], schema: type) -> list[str]:
    """The overrides of a command line, with quotes around what looks like a number where `schema` wants text.

    Args:
        overrides: `key=value`, or `key=value,value` in a sweep.
        schema: the dataclass of the root of the configuration.

    """
    keys = set(_text_keys(schema, ""))
    return [_quoted(override, keys) for override in overrides]


def _quoted(override: str, keys: set[str]) -> str:
    found = _OVERRIDE.fullmatch(override)
    if found is None or found["key"].lstrip("+") not in keys:
        return override
    values = [
        f"'{value}'" if _NUMBER.fullmatch(value) and not _AS_WRITTEN.fullmatch(value) else value
        for value in found["values"].split(",")
    ]
    return f"{found['key']}={','.join(values)}"


def _text_keys(section: type, prefix: str) -> Iterator[str]:
    """The dotted keys of texts in a dataclass and the dataclasses within it."""
    for name, annotation in typing.get_type_hints(section).items():
        is_union = typing.get_origin(annotation) in (Union, types.UnionType)
        kinds = set(typing.get_args(annotation) if is_union else [annotation]) - {types.NoneType}
        if kinds == {str}:
            yield f"{prefix}{name}"
        for kind in kinds:
            if dataclasses.is_dataclass(kind) and isinstance(kind, type):
                yield from _text_keys(kind, f"{prefix}{name}.")
