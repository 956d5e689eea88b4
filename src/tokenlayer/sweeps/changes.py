"""What may have changed since jobs of a sweep ran: their texts, and the code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from tokenlayer.data.config import DatasetConfig
from tokenlayer.errors import InputError
from tokenlayer.sweeps.states import JobState, code_digest
from tokenlayer.tracking.sweep_config import SweepConfig


class HasDataset(Protocol):
    """A configuration with texts."""

    @property
    def dataset(self) -> DatasetConfig:
        """The texts."""


def check_data(states: Sequence[JobState], configs: Iterable[HasDataset]) -> None:
    """Check that the jobs with runs would read now what they read then.

    Args:
        states: of all jobs.
        configs: the configuration of each.

    Raises:
        InputError: a source has changed, or cannot be read any more.

    """
    # The jobs of a sweep mostly share their texts, and hashing a large source takes seconds.
    known: dict[str, str] = {}
    for state, config in zip(states, configs, strict=True):
        if state.data is None:
            continue
        dataset = config.dataset
        if repr(dataset) not in known:
            known[repr(dataset)] = dataset.source_key()
        if known[repr(dataset)] != state.data:
            raise InputError(
                f"dataset: the texts have changed since the job {state.job.name} was run (run {state.run_id}; its "
                f"source {state.data[:12]}, now {known[repr(dataset)][:12]}): restore them, or begin another sweep "
                "with sweep.name=NAME"
            )


def check_code(states: Sequence[JobState], config: SweepConfig) -> str | None:
    """A warning where jobs were run by other code than this, unless that is to be ignored.

    Raises:
        InputError: such a sweep is to be refused.

    """
    others = [state.job.name for state in states if state.code not in (None, code_digest())]
    if not others or config.code_changes == "ignore":
        return None
    what = f"the code of tokenlayer has changed since {_listed(others)} ran"
    if config.code_changes == "refuse":
        raise InputError(f"sweep.code_changes=refuse: {what}; check out that code, or give another sweep.name")
    return f"warning: {what} (sweep.code_changes=refuse refuses such a sweep, ignore says nothing)"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} of the jobs"
