"""YAML files, which may come from elsewhere: bounded before anything is built of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from tokenlayer.errors import InputError
from tokenlayer.hints import shortened

_LARGEST_FILE = 16 << 20
_MOST_VALUES = 10_000  # aliases written out: nine lines of nine aliases each stand for 400 million values
_DEEPEST = 40
_LONGEST_KEY = 500

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(path: Path, place: str = "") -> Any:
    """The content of a YAML file, of plain types alone; `place` names it in messages, instead of its path.

    Raises:
        InputError: it cannot be read, is no YAML, or beyond the bounds of `check_yaml`; names file and line.

    """
    text = check_yaml(path, place)
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise InputError(f"{place or path} is no valid YAML: {error}") from error


def check_yaml(path: Path, place: str = "") -> str:
    """The text of a YAML file that is neither too large nor too deep to be a configuration, aliases written out.

    Raises:
        InputError: it is, or cannot be read; names file and line.

    """
    place = place or str(path)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{place} has {path.stat().st_size:,} bytes: no configuration has as many")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{place} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{place} is not UTF-8 ({error.reason} at byte {error.start}): convert it") from error
    try:
        _Bounds(place).check(text)
    except yaml.YAMLError as error:
        raise InputError(f"{place} is no valid YAML: {error}") from error
    return text


@dataclass
class _Collection:
    """A mapping or sequence that has not ended."""

    anchor: str | None
    values_before: int
    is_mapping: bool
    n_children: int = 0

    def at_key(self) -> bool:
        """Whether the next child is a key."""
        return self.is_mapping and self.n_children % 2 == 0


class _Bounds:
    """Counts the values of a file by its parser's events, from which nothing is built."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._values = 0
        self._open: list[_Collection] = []
        self._stands_for: dict[str, int | None] = {}
        """The values of each anchor; None while it has not ended."""

    def check(self, text: str) -> None:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.NodeEvent):
                self._begin(event)
            if self._values > _MOST_VALUES:
                self._refuse(event, f"more than {_MOST_VALUES:,} values, aliases written out")

    def _begin(self, event: yaml.NodeEvent) -> None:
        parent = self._open[-1] if self._open else None
        is_key = parent is not None and parent.at_key()
        if parent is not None:
            parent.n_children += 1
        if isinstance(event, yaml.AliasEvent):
            known = self._stands_for.get(str(event.anchor), 0)
            if known is None:
                self._refuse(event, f"*{shortened(str(event.anchor))} stands for something that holds it")
            self._values += known or 0
            return
        if isinstance(event, yaml.ScalarEvent) and is_key and len(event.value) > _LONGEST_KEY:
            self._refuse(event, f"a key of {len(event.value):,} characters")
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(_Collection(event.anchor, self._values, isinstance(event, yaml.MappingStartEvent)))
            if len(self._open) > _DEEPEST:
                self._refuse(event, f"more than {_DEEPEST} levels deep")
        self._values += 1
        if event.anchor:
            self._stands_for[event.anchor] = None if isinstance(event, yaml.CollectionStartEvent) else 1

    def _end(self) -> None:
        ended = self._open.pop()
        if ended.anchor:
            self._stands_for[ended.anchor] = self._values - ended.values_before

    def _refuse(self, event: yaml.Event, what: str) -> NoReturn:
        line = "" if event.start_mark is None else f", line {event.start_mark.line + 1}"
        raise InputError(f"{self._place}{line}: {what}: this is no configuration, or meant to do harm")
