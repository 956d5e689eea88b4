"""The settings of a sweep (section `sweep` of the configuration)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_NAME = re.compile(r"[\w.+,-][\w.+, -]*")
_LONGEST = 200


@dataclass
class SweepConfig:
    """What a multirun does beside running its jobs; nothing of it changes the result of a job."""

    name: str | None = None
    """The sweep's name in the store; null: made from its fixed settings and its swept keys, so that the same command
    line with more values extends it."""
    fail_fast: bool = False
    """Start no further job once one has failed."""
    code_changes: Literal["warn", "refuse", "ignore"] = "warn"
    """What to do where the package's code is another than that of jobs that have run before."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        yield from name_problems(self.name)


def name_problems(name: str | None) -> Iterator[tuple[str, str]]:
    """The field `name` and a message, where the name of a sweep or a search cannot be one; None is no problem."""
    if name is not None and not (_NAME.fullmatch(name) and len(name) <= _LONGEST):
        yield "name", f"give up to {_LONGEST} letters, digits, spaces and . _ + , -"
