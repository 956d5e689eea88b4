"""Runs as a table of settings against metrics: mean, standard deviation and interval over seeds.

Imports no more than pandas and scipy: a sweep makes its table anew after each job.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from tokenlayer.comparison.means import Mean, mean_interval
from tokenlayer.tracking.sweep_tags import JOB_TAG, settings_of

STATISTICS = ("n", "mean", "std", "low", "high")
"""What stands of each metric, in columns `test/accuracy n`, `test/accuracy mean`, …"""
RUNS = "runs"
"""Column with the number of runs of a condition, with the metric or without."""
_SEED = re.compile(r"(?:^|[._])seed$")
RESUMED, PARAM, TAG, METRIC = "tags.resumed.", "params.", "tags.", "metrics."
"""Beginnings of the columns that `find_runs` returns; a resumed run has the settings that it changed in tags."""
_OPTION = "params.group."
_ABOUT = ("name", "experiment", "sweep")
_FINISHED = "FINISHED"


def is_seed(key: str) -> bool:
    """True for a setting whose values are averaged over: `seed`, `dataset.split_seed`."""
    return _SEED.search(key) is not None


def condition_keys(keys: Sequence[str]) -> list[str]:
    """The keys that tell conditions apart: all but those of seeds."""
    return [key for key in keys if not is_seed(key)]


def setting(runs: pd.DataFrame, key: str) -> pd.Series[str]:
    """The value of a setting in each run as text; empty where a run has none.

    What a sweep set comes first, then what a resumption changed (a parameter in MLflow cannot), then the run's
    parameter, then its option of a configuration group, then a tag of this name. `name`, `experiment` and `sweep` are
    what they are in `runs`.

    Args:
        runs: as `find_runs` returns them.
        key: dotted key of a setting (`model.vocab_size`), a configuration group (`initializer`), or the name of a tag.

    """
    values = pd.Series([""] * len(runs), index=runs.index, dtype=object)
    columns = [key] if key in _ABOUT else []
    columns += [f"{TAG}{key}", f"{_OPTION}{key}", f"{PARAM}{key}", f"{RESUMED}{key}"]
    for column in [column for column in columns if column in runs]:
        values = runs[column].where(runs[column].notna(), values)
    if f"{TAG}{JOB_TAG}" in runs:
        swept = runs[f"{TAG}{JOB_TAG}"].map(lambda tag: settings_of({JOB_TAG: tag} if isinstance(tag, str) else {}))
        values = pd.Series(
            [job.get(key, value) for job, value in zip(swept, values, strict=True)], index=runs.index, dtype=object
        )
    return values.astype(str)


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that ended well. Of a sweep's job that was run more than once, the one that was started last."""
    done = runs[runs["status"] == _FINISHED] if len(runs) else runs
    job, parent = f"{TAG}{JOB_TAG}", f"{TAG}mlflow.parentRunId"
    if job not in done or parent not in done:
        return done
    latest_first = done.sort_values("start", ascending=False, kind="stable")
    is_repeated = latest_first.duplicated([parent, job]) & latest_first[job].notna()
    return done.loc[~is_repeated.reindex(done.index)]


def conditions(runs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The condition of each run: a column of text for each key, with the index of `runs`."""
    return pd.DataFrame({key: setting(runs, key) for key in by}, index=runs.index)


def settings_table(runs: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """A row for each condition, with the statistics of its finished runs.

    Args:
        runs: as `find_runs` returns them, finished or not.
        by: the keys that tell conditions apart, as `condition_keys` gives them; runs that differ otherwise, as by
            their seeds, are averaged over.
        metrics: names of metrics: `test/accuracy`.

    Returns:
        The keys as columns of text, `runs`, and for each metric the columns `METRIC n`, `METRIC mean`, `METRIC std`
        (NaN for one run), `METRIC low` and `METRIC high` (the 95 % interval of the mean, by Student's t). Conditions
        are in the order of their values, numbers by size.

    """
    counted = finished(runs)
    keys = conditions(counted, by)
    measured = {metric: metric_of(counted, metric) for metric in metrics}
    rows = []
    for values, places in ordered_groups(keys):
        row: dict[str, object] = {**dict(zip(by, values, strict=True)), RUNS: len(places)}
        for metric, found in measured.items():
            row |= _statistics(metric, found[found.index.isin(places)])
        rows.append(row)
    columns = [*by, RUNS, *(f"{metric} {name}" for metric in metrics for name in STATISTICS)]
    return pd.DataFrame(rows, columns=columns)


def metric_of(runs: pd.DataFrame, metric: str) -> pd.Series[float]:
    """The last value of a metric in each run; NaN where a run has none."""
    column = f"{METRIC}{metric}"
    if column not in runs:
        return pd.Series(np.nan, index=runs.index, dtype=float)
    return runs[column].astype(float)


def means(table: pd.DataFrame, metric: str) -> list[Mean]:
    """The mean of a metric with its interval, for each row of a `settings_table`."""
    low, high = table[f"{metric} low"], table[f"{metric} high"]
    columns = (table[f"{metric} mean"], (high - low) / 2, table[f"{metric} n"])
    return [Mean(float(mean), float(half), int(n)) for mean, half, n in zip(*columns, strict=True)]


def ordered_groups(keys: pd.DataFrame) -> list[tuple[tuple[str, ...], list[Hashable]]]:
    """The different rows of `keys`, in order, each with the places where it stands; all places for no keys."""
    if not len(keys.columns):
        return [((), list(keys.index))] if len(keys) else []
    places: dict[tuple[str, ...], list[Hashable]] = {}
    for place, values in zip(keys.index, keys.itertuples(index=False, name=None), strict=True):
        places.setdefault(values, []).append(place)
    ordered = sorted(places, key=lambda values: [_natural(value) for value in values])
    return [(values, places[values]) for values in ordered]


def _natural(value: str) -> tuple[int, float, str]:
    """Numbers by size, before all else by the alphabet."""
    try:
        return (0, float(value), "")
    except ValueError:
        return (1, 0.0, value)


def _statistics(metric: str, values: pd.Series[float]) -> dict[str, float]:
    known = values.dropna()
    mean = mean_interval(known.tolist())
    found = (mean.n, mean.mean, float(known.std()), mean.mean - mean.half_width, mean.mean + mean.half_width)
    return {f"{metric} {name}": value for name, value in zip(STATISTICS, found, strict=True)}
