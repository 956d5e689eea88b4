"""A search before it runs: what is fixed, what is searched, and its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tokenlayer.redaction import redacted_setting
from tokenlayer.search.config import SearchConfig
from tokenlayer.search.space import Dimension
from tokenlayer.sweeps.plan import default_name, is_relevant
from tokenlayer.tracking.sweep_run import SweepIdentity
from tokenlayer.tracking.sweep_tags import SEARCH


@dataclass(frozen=True)
class SearchPlan:
    """A search, as far as it is the same whoever continues it."""

    name: str
    fixed: tuple[str, ...]
    """The settings of the command line that all trials share, sorted, as far as they may change a result."""
    space: Mapping[str, Dimension]
    """Dotted key or group → values."""
    metric: str
    """What is searched for, `validation/…`."""

    def identity(self) -> SweepIdentity:
        """By what it is known in the store."""
        return SweepIdentity(self.name, "train", self.fixed, tuple(self.space), SEARCH, _described(self))


def plan(config: SearchConfig, fixed: Sequence[str], space: Mapping[str, Dimension]) -> SearchPlan:
    """The plan of a command line.

    Args:
        config: its search.
        fixed: the settings that all trials share.
        space: dotted key or group → values.

    """
    shown = tuple(sorted(redacted_setting(text) for text in fixed if is_relevant(text)))
    made = SearchPlan("", shown, space, config.metric)
    name = config.name or default_name(SEARCH, [*shown, *_described(made)], tuple(space))
    return SearchPlan(name, shown, space, config.metric)


def _described(plan: SearchPlan) -> tuple[str, ...]:
    return (f"search.metric={plan.metric}", *sorted(f"{key}: {values}" for key, values in plan.space.items()))
