"""Settings that a configuration leaves open (null): the part that has them chooses their values before a run begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar, cast

from tokenlayer.data.profile import TextProfile

Part = TypeVar("Part", bound="OpenSettings")


@dataclass(frozen=True)
class Choice:
    """A value that was chosen."""

    key: str
    """The field, dotted where it stands in a section of its own."""
    value: Any
    reason: str = ""
    """What it was chosen by, in words; empty where it follows from another choice and need not be told."""

    def within(self, section: str) -> Choice:
        """The same choice, named from outside of the section that it belongs to."""
        return dataclasses.replace(self, key=f"{section}.{self.key}")

    def __str__(self) -> str:
        return f"{self.key}={_spelled(self.value)} ({self.reason})"


@dataclass
class Plan:
    """What is settled so far.

    Parts are settled in the order dataset, model, initializer, trainer, lr_scheduler, learning_rule. Each may read what
    those before it have left here; a value that is not settled yet is no attribute yet.
    """

    text_length: int = field(init=False)
    """L, by the dataset."""
    batch_size: int = field(init=False)
    """B, by the dataset."""
    full_batches: int = field(init=False)
    """Batches that the training texts fill, by the dataset."""
    vocab_size: int = field(init=False)
    """N, by the model."""
    longest_token: int = field(init=False)
    """Characters that a token may have, by the model, and by the texts, which must hold it."""
    steps_per_epoch: int = field(init=False)
    """Optimizer steps of an epoch, by the trainer."""
    epochs: int = field(init=False)
    """Epochs of the training, by the trainer; -1: as many as its `max_steps` make."""


class OpenSettings:
    """A part of a configuration that may leave settings open, and that chooses their values itself.

    A subclass names its fields in `open_fields` and defines `settle`:

        open_fields = ("rounds",)
        rounds: int | None = None

        def settle(self, texts, plan):
            yield Choice("rounds", 2 * plan.epochs, f"{plan.epochs} epochs")
    """

    open_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that may be left open, dotted where they stand in a section of their own. A subclass adds its own."""

    def left_open(self) -> list[str]:
        """Those of `open_fields` that are null."""
        return [name for name in self.open_fields if _value(self, name.split(".")) is None]

    def settle(self, texts: TextProfile, plan: Plan) -> Iterable[Choice]:  # noqa: ARG002 (for subclasses)
        """Choose a value for every field that may be left open; the choices for those that are set are not used.

        Args:
            texts: the training texts.
            plan: what the parts before this one have settled.

        """
        return ()

    def filled(self: Part, values: Mapping[str, Any]) -> Part:
        """A copy with values in the places of open fields."""
        copy = self
        for name, value in values.items():
            copy = _with(copy, name.split("."), value)
        return copy


def settle(part: Part, texts: TextProfile, plan: Plan) -> tuple[Part, list[Choice]]:
    """The part with a value in every place that it leaves open, and the choices.

    Raises:
        TypeError: its class declares an open field for which its `settle` chooses nothing.

    """
    wanted = part.left_open()
    if not wanted:
        return part, []
    choices = [choice for choice in part.settle(texts, plan) if choice.key in wanted]
    missing = set(wanted) - {choice.key for choice in choices if choice.value is not None}
    if missing:
        raise TypeError(f"{type(part).__qualname__}.settle chooses no value for {', '.join(sorted(missing))}")
    return part.filled({choice.key: choice.value for choice in choices}), choices


def left_open(config: Any) -> list[str]:
    """The dotted keys that the parts of a whole configuration, a dataclass, leave open."""
    parts = {each.name: getattr(config, each.name) for each in dataclasses.fields(config)}
    return [
        f"{section}.{name}"
        for section, part in parts.items()
        if isinstance(part, OpenSettings)
        for name in part.left_open()
    ]


def _value(part: Any, path: list[str]) -> Any:
    for name in path:
        part = getattr(part, name)
    return part


def _with(part: Part, path: list[str], value: Any) -> Part:
    first, *rest = path
    inner = _with(getattr(part, first), rest, value) if rest else value
    return cast(Part, dataclasses.replace(cast(Any, part), **{first: inner}))


def _spelled(value: Any) -> str:
    if isinstance(value, list) and len(value) > 2:
        return f"{value[0]}…{value[-1]}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
