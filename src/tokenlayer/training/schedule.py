"""The schedule of the learning rate: a class of torch's and its arguments, of which a period in steps may be open."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from tokenlayer.data.profile import TextProfile
from tokenlayer.data.settling import Choice, OpenSettings, Plan


class Schedule(functools.partial[Any], OpenSettings):
    """A class of schedules with its arguments, all but the optimizer: `Schedule(CosineAnnealingLR, T_max=None)`."""

    open_fields: ClassVar[tuple[str, ...]] = ("T_max", "total_steps")
    """The arguments by which torch's schedules take the number of steps of a whole training."""

    def left_open(self) -> list[str]:
        """The periods that are given as null; a cycle of `epochs` and `steps_per_epoch` leaves none open."""
        given = self.keywords
        if given.get("epochs") is not None:
            return []
        return [name for name in self.open_fields if name in given and given[name] is None]

    def settle(self, texts: TextProfile, plan: Plan) -> Iterable[Choice]:
        """The schedule comes to its end with the training."""
        return [Choice(name, plan.steps_per_epoch * plan.epochs) for name in self.open_fields]

    def filled(self, values: Mapping[str, Any]) -> Schedule:
        """A copy with other arguments."""
        return Schedule(self.func, *self.args, **{**self.keywords, **values})

    def period_problems(self, max_epochs: int | None) -> Iterator[tuple[str, str]]:
        """Argument and message of each number of steps that cannot be meant.

        Args:
            max_epochs: of the training; -1: it goes on until it is stopped.

        """
        if max_epochs == -1:
            for name in self.left_open():
                yield name, "of how many steps? trainer.max_epochs=-1 does not say; give it, or epochs"
        for name in self.open_fields:
            period = self.keywords.get(name)
            if period is not None and period < 1:  # the cosine of -1 trains every second step at 0
                yield name, f"{period} steps to the last learning rate; give 1 or more"
