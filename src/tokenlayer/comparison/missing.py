"""What a comparison lacks, in words: nobody is to take a mean over what is there for one over all there should be."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

import pandas as pd

from tokenlayer.comparison.answers import Answers
from tokenlayer.comparison.table import TAG, finished, metric_of
from tokenlayer.tracking.chosen_runs import SWEEP_COLUMN, Sweep
from tokenlayer.tracking.sweep_tags import JOB_TAG, settings_of

_LISTED = 8
_SHORT_ID = 8
_STATES = {"FAILED": "failed", "KILLED": "killed", "RUNNING": "running", "SCHEDULED": "scheduled"}


def unfinished(runs: pd.DataFrame, sweeps: Sequence[Sweep]) -> Iterator[str]:
    """Jobs and runs that are not finished; a job that was run again and finished then is not one of them."""
    for sweep in sweeps:
        if sweep.status != "FINISHED":
            yield f"sweep {sweep.name} is {_STATES.get(sweep.status, sweep.status)} itself: more jobs may come"
    for name in runs[SWEEP_COLUMN].unique():
        of_sweep = runs[runs[SWEEP_COLUMN] == name]
        done = set(_jobs(finished(of_sweep)))
        for status, of_status in of_sweep[of_sweep["status"] != "FINISHED"].groupby("status"):
            left = of_status if not name else of_status[[job not in done for job in _jobs(of_status)]]
            if len(left):
                what = f"of sweep {name}, {_count(left, 'job')}" if name else _count(left, "run")
                state = _STATES.get(str(status), str(status))
                yield f"{what} {_is(left)} {state} and left out: {_listed(_names(left))}"


def uneven(labels: pd.Series[str], seeds: pd.Series[str]) -> Iterator[str]:
    """Conditions that lack a seed that others have, or have one more than once."""
    wanted = dict.fromkeys(sorted(seeds, key=lambda seed: (len(seed), seed)))
    for condition, of_condition in seeds.groupby(labels, sort=False):
        lacking = [seed for seed in wanted if seed not in set(of_condition)]
        if lacking:
            yield f"{condition} has no run with {_listed(lacking)}"
        twice = [seed for seed in wanted if (of_condition == seed).sum() > 1]
        if twice:
            yield f"{condition} has more than one run with {_listed(twice)}: all count as independent"


def without_metric(runs: pd.DataFrame, metrics: Sequence[str]) -> Iterator[str]:
    """Finished runs that lack one of the metrics."""
    for metric in metrics:
        lacking = runs[metric_of(runs, metric).isna()]
        if len(lacking):
            yield f"{_count(lacking, 'run')} {_is(lacking)} without {metric}: {_listed(_names(lacking))}"


def left_out(runs: pd.DataFrame) -> Iterator[str]:
    """Runs that were tested on other texts than most of their condition, although no setting says so."""
    if len(runs):
        yield (
            f"{_count(runs, 'run')} {_is(runs)} left out, tested on other texts than the others of the same "
            f"condition: {_listed(_names(runs))}"
        )


def other_texts(runs: pd.DataFrame, answers: Mapping[str, Answers]) -> Iterator[str]:
    """Runs that were tested on other texts than the largest group, by their ids, which are the index of `runs`."""
    groups: list[tuple[Answers, list[str]]] = []
    for run_id, found in answers.items():
        same = next((ids for first, ids in groups if first.texts.equals(found.texts)), None)
        if same is None:
            groups.append((found, [run_id]))
        else:
            same.append(run_id)
    groups.sort(key=lambda group: -len(group[1]))
    for _, ids in groups[1:]:
        some = runs.loc[ids]
        were = "was" if len(some) == 1 else "were"
        yield (
            f"{_count(some, 'run')} {were} tested on other texts than {len(groups[0][1])} others, and test metrics "
            f"cannot be compared: {_listed(_names(some))}"
        )


def without_file(runs: pd.DataFrame, reasons: Mapping[str, str], what: str) -> Iterator[str]:
    """Runs of which an artifact is not there or cannot be read.

    Args:
        runs: the finished runs, by their ids.
        reasons: run id → why not.
        what: the artifact in words.

    """
    lacking = runs.loc[list(reasons)]
    if len(lacking):
        listed = [
            f"{_shown(row)} ({why})" for row, why in zip(lacking.to_dict("records"), reasons.values(), strict=True)
        ]
        yield f"{_count(lacking, 'run')} {_is(lacking)} without {what}: {_listed(listed)}"


def _jobs(runs: pd.DataFrame) -> list[str]:
    """What tells a run from the other jobs of its sweep; its id where nothing does."""
    if f"{TAG}{JOB_TAG}" not in runs:
        return [str(run_id) for run_id in runs["run_id"]]
    return [
        job if isinstance(job, str) else str(run_id)
        for job, run_id in zip(runs[f"{TAG}{JOB_TAG}"], runs["run_id"], strict=True)
    ]


def _names(runs: pd.DataFrame) -> list[str]:
    return list(map(_shown, runs.to_dict("records")))


def _shown(row: Mapping[Hashable, object]) -> str:
    """A run by the settings that it has as a job, or by its name; and the beginning of its id."""
    tag = row.get(f"{TAG}{JOB_TAG}")
    job = settings_of({JOB_TAG: tag}) if isinstance(tag, str) else {}
    name = " ".join(f"{key}={value}" for key, value in job.items()) or str(row["name"])
    return f"{name} [{str(row['run_id'])[:_SHORT_ID]}]"


def _count(runs: pd.DataFrame, what: str) -> str:
    return f"{len(runs)} {what}{'' if len(runs) == 1 else 's'}"


def _is(runs: pd.DataFrame) -> str:
    return "is" if len(runs) == 1 else "are"


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
