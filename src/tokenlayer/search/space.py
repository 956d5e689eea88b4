"""The values that a search tries of one setting."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from tokenlayer.tracking.commands import quoted

Value = float | int | str
"""A value as Optuna has it; of a list of choices, its text."""


@dataclass(kw_only=True)
class Dimension:
    """The values of one setting: a range of numbers with both of its ends, or a list of choices."""

    type: Literal["float", "int", "categorical"]
    """The kind of values."""
    low: int | float | None = None
    """The smallest number."""
    high: int | float | None = None
    """The largest number."""
    log: bool = False
    """Search the logarithm: as many values from 0.001 to 0.01 as from 0.01 to 0.1."""
    step: int | float | None = None
    """Distance of neighbouring values; null: 1 for integers, any value between for others."""
    choices: list[Any] | None = None
    """The values of a categorical setting: numbers, words, true, false, null, or lists of them."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        if self.type == "categorical":
            yield from self._problems_of_choices()
        elif self.choices is not None:
            yield "choices", f"are those of a categorical setting; this is {self.type}: give low and high"
        elif self.low is None or self.high is None:
            yield ("low" if self.low is None else "high"), f"must be given where the type is {self.type}"
        else:
            yield from self._problems_of_range(self.low, self.high)

    def _problems_of_choices(self) -> Iterator[tuple[str, str]]:
        for name in ("low", "high", "step"):
            if getattr(self, name) is not None:
                yield name, "is a number's; a categorical setting has choices"
        if self.log:
            yield "log", "is a number's; a categorical setting has choices"
        if not self.choices:
            yield "choices", "must list the values of a categorical setting"
            return
        if any(not _is_simple(choice) for choice in self.choices):
            yield "choices", "are numbers, words, true, false, null, or lists of them"
        elif len(set(self.texts())) < len(self.choices):
            yield "choices", "name a value more than once"

    def _problems_of_range(self, low: float, high: float) -> Iterator[tuple[str, str]]:
        if not (math.isfinite(low) and math.isfinite(high)):
            yield "low", "and high must be finite"
            return
        if low > high:
            yield "low", f"{low} is above high={high}"
        elif self.log and low <= 0:
            yield "log", f"there is no logarithm of low={low}: give a low above 0"
        if self.type == "int":
            for name in ("low", "high", "step"):
                value = getattr(self, name)
                if value is not None and value != int(value):
                    yield name, f"{value} is no integer; for numbers between write type: float"
        if self.step is not None:
            yield from self._problems_of_step(low, high, self.step)

    def _problems_of_step(self, low: float, high: float, step: float) -> Iterator[tuple[str, str]]:
        if self.log:
            yield "step", "does not go with log: leave one of them out"
        elif not (math.isfinite(step) and step > 0):
            yield "step", f"{step} is not above 0"
        elif high >= low and (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step)):
            yield "step", f"steps of {step} do not lead from low={low} to high={high}"

    def texts(self) -> list[str]:
        """The choices as values on a command line."""
        return [as_text(choice) for choice in self.choices or ()]

    def text(self, value: Value) -> str:
        """A value as on a command line, exactly."""
        return value if isinstance(value, str) else repr(value)

    def probes(self) -> list[str]:
        """The values to check before the first trial: all choices, or the ends of the range and one between."""
        if self.type == "categorical":
            return self.texts()
        assert self.low is not None
        assert self.high is not None
        if self.type == "int":
            ends = [int(self.low), int(self.high)]
            return [repr(end) for end in dict.fromkeys(ends)]
        low, high = float(self.low), float(self.high)
        middle = math.sqrt(low) * math.sqrt(high) if self.log else low + (high - low) / 2
        return [repr(end) for end in dict.fromkeys([low, high, *([] if self.step else [middle])])]

    def __str__(self) -> str:
        """`float 0.001 to 0.1, log`; `choice of graft, grow`."""
        if self.type == "categorical":
            return f"choice of {', '.join(self.texts())}"
        extras = [*([f"step {self.step}"] if self.step else []), *(["log"] if self.log else [])]
        return ", ".join([f"{self.type} {self.low} to {self.high}", *extras])


def as_text(value: Any) -> str:
    """A plain value as Hydra reads it on a command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A word that Hydra would read as something else is text between quotes only.
        return f"'{value}'" if _READ_OTHERWISE.fullmatch(value) else quoted(value)
    if isinstance(value, list):
        return f"[{','.join(map(as_text, value))}]"
    return repr(value)


def shown(text: str) -> str:
    """A value for names and lines: numbers with four digits."""
    try:
        return f"{float(text):.4g}" if not _WHOLE.fullmatch(text) else text
    except ValueError:
        return text


_READ_OTHERWISE = re.compile(r"null|true|false|inf|nan|[+-]?[\d_.]+(e[+-]?\d+)?|", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d+")


def _is_simple(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_simple(item) and not isinstance(item, list) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
