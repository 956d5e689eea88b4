"""What may have changed since jobs of a sweep ran: their texts, and the code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from tokenlayer.data.config import DatasetConfig
from tokenlayer.errors import InputError
from tokenlayer.sweeps.states import JobState, code_digest
from tokenlayer.tracking.sweep_config import SweepConfig
from tokenlayer.tracking.sweep_tags import DATA_TAG, SOURCE_TAG

_DIGITS = 16


def data_tags(dataset: DatasetConfig) -> Mapping[str, str]:
    """The tags by which the texts of a job's run are known again.

    Raises:
        InputError: the source of the texts cannot be read.

    """
    return {DATA_TAG: dataset.source_key(), SOURCE_TAG: _source(dataset)}


def _source(dataset: DatasetConfig) -> str:
    """A hash of the settings that only this kind of dataset has: those that all have name no source."""
    common = {field.name for field in fields(DatasetConfig)}
    own = {field.name: repr(getattr(dataset, field.name)) for field in fields(dataset) if field.name not in common}
    return hashlib.sha256(json.dumps([type(dataset).__qualname__, own]).encode()).hexdigest()[:_DIGITS]


def check_data(states: Sequence[JobState], datasets: Iterable[DatasetConfig]) -> None:
    """Check that what was run before was run on the texts that would be read now.

    Args:
        states: of all jobs of the sweep, those of earlier command lines among them.
        datasets: those of the jobs that are to be run.

    Raises:
        InputError: a source has changed, or cannot be read any more.

    """
    # The jobs of a sweep mostly share their texts, and hashing a large source takes seconds.
    by_source = {_source(dataset): dataset for dataset in datasets}
    known = {state.source for state in states if state.data is not None}
    now = {source: dataset.source_key() for source, dataset in by_source.items() if source in known}
    for state in states:
        if state.data is not None and state.source in now and now[state.source] != state.data:
            raise InputError(
                f"dataset: the texts have changed since the job {state.name} was run (run {state.run_id}; its "
                f"source {state.data[:12]}, now {now[state.source][:12]}): restore them, or begin another sweep "
                "with sweep.name=NAME"
            )


def check_code(states: Sequence[JobState], config: SweepConfig) -> str | None:
    """A warning where jobs were run by other code than this, unless that is to be ignored.

    Raises:
        InputError: such a sweep is to be refused.

    """
    others = [state.name for state in states if state.code not in (None, code_digest())]
    if not others or config.code_changes == "ignore":
        return None
    what = f"the code of tokenlayer has changed since {_listed(others)} ran"
    if config.code_changes == "refuse":
        raise InputError(f"sweep.code_changes=refuse: {what}; check out that code, or give another sweep.name")
    return f"warning: {what} (sweep.code_changes=refuse refuses such a sweep, ignore says nothing)"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} of the jobs"
