"""Runs compared by their conditions, as pandas frames; files of the runs are read when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TypeVar

import pandas as pd

from tokenlayer.comparison.answers import PREDICTIONS, Answers, AnswersReader
from tokenlayer.comparison.labels import is_better_lower, label, validation_metric
from tokenlayer.comparison.means import Mean
from tokenlayer.comparison.missing import left_out, other_texts, uneven, unfinished, without_file, without_metric
from tokenlayer.comparison.paired import compare, holm
from tokenlayer.comparison.settings import dataset_keys, differences, settings_of_runs, shared, telling
from tokenlayer.comparison.table import (
    METRIC,
    PARAM,
    TAG,
    condition_keys,
    conditions,
    finished,
    is_seed,
    means,
    metric_of,
    ordered_groups,
    setting,
    settings_table,
)
from tokenlayer.comparison.vocabularies import EFFECTS, overlaps, read_effects, top_tokens
from tokenlayer.errors import InputError
from tokenlayer.hints import hint
from tokenlayer.progress import tracked
from tokenlayer.tracking.chosen_runs import SWEEP_COLUMN, ChosenRuns, choose_runs

METRICS = ("test/accuracy", "validation/accuracy")
"""The metrics that are compared by default."""
_TOKENS = 12
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Best:
    """The best condition on validation texts."""

    condition: str
    place: int
    """Its row in the table."""
    metric: str
    """The validation metric that it was chosen by."""
    mean: Mean
    tied: tuple[str, ...]
    """Other conditions with the same mean."""


class Comparison:
    """Finished runs, grouped into conditions and averaged over their seeds.

    Args:
        chosen: the runs.
        by: the keys that tell conditions apart; None: the swept keys of sweeps, or else the fewest settings that tell
            the runs apart; seeds never do by themselves.
        metrics: names of metrics; the first decides which validation metric the best condition is chosen by.

    Raises:
        InputError: no run is finished, none has a metric that is asked for, or a setting `by` which none has.

    """

    def __init__(self, chosen: ChosenRuns, by: Sequence[str] | None = None, metrics: Sequence[str] = METRICS) -> None:
        self._chosen = chosen
        runs = finished(chosen.frame).set_index("run_id", drop=False)
        if runs.empty:
            found = ", ".join(f"{n} {status}" for status, n in chosen.frame["status"].value_counts().items())
            how = "give the sweep's own command line again" if chosen.sweeps else "resume one that broke off"
            raise InputError(f"none of the runs is finished ({found}): wait for the first, or {how}")
        _check_metrics(runs, metrics)
        self.metrics = tuple(dict.fromkeys(metrics))
        self._swept = tuple(dict.fromkeys(key for sweep in chosen.sweeps for key in sweep.keys))
        self.by = tuple(dict.fromkeys(self._own_keys(runs) if by is None else by))
        """The keys that tell conditions apart."""
        _check_keys(runs, self.by)
        answers, self._unread = self._read(runs["run_id"], PREDICTIONS, AnswersReader().read, "reading predictions")
        others = self._on_other_texts(runs, answers)
        self._left_out = runs.loc[others]
        self.runs = runs.drop(index=others)
        """The runs that count, as `find_runs` returns them, by their ids."""
        self._answers = {run_id: found for run_id, found in answers.items() if run_id not in others}
        self.labels = self._labels(self.runs)
        """The condition of each run in words."""

    def _labels(self, runs: pd.DataFrame) -> pd.Series[str]:
        keys = conditions(runs, self.by)
        rows = keys.itertuples(index=False, name=None) if self.by else [()] * len(keys)
        return pd.Series([label(self.by, row) for row in rows], index=runs.index, dtype=object)

    def _on_other_texts(self, runs: pd.DataFrame, answers: Mapping[str, Answers]) -> list[str]:
        """The ids of the runs that were tested on other texts than most of their condition, with the same dataset."""
        alike = pd.concat([self._labels(runs), conditions(runs, dataset_keys(runs))], axis=1)
        groups: dict[tuple[str, ...], list[list[str]]] = {}  # the runs on the same texts, of those that are alike
        for run_id, *values in alike[alike.index.isin(list(answers))].itertuples(name=None):  # the latest first
            texts = answers[run_id].texts
            of_alike = groups.setdefault(tuple(values), [])
            same = next((ids for ids in of_alike if answers[ids[0]].texts.equals(texts)), None)
            if same is None:
                of_alike.append([run_id])
            else:
                same.append(run_id)
        most = [max(of_alike, key=len) for of_alike in groups.values()]  # of several the latest
        counted = set(chain.from_iterable(most))
        return [run_id for run_id in answers if run_id not in counted]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each condition: its settings, `runs`, and of each metric n, mean, std, low and high."""
        return settings_table(self.runs, self.by, self.metrics)

    @cached_property
    def names(self) -> list[str]:
        """The condition of each row of `table` in words."""
        return [label(self.by, values) for values, _ in ordered_groups(conditions(self.runs, self.by))]

    @cached_property
    def best(self) -> Best | None:
        """The best condition by its mean on validation texts, never on test texts; None where no run was validated."""
        if self._validation is None:
            return None
        metric, found = self._validation
        place = self.names.index(self.ranked[0])
        same = [name for name, mean in zip(self.names, found, strict=True) if mean.mean == found[place].mean]
        tied = tuple(name for name in same if name != self.names[place])
        return Best(self.names[place], place, metric, found[place], tied)

    @cached_property
    def ranked(self) -> list[str]:
        """The conditions, the best on validation texts first; those that were not validated come last."""
        if self._validation is None:
            return self.names
        metric, found = self._validation
        sign = 1 if is_better_lower(metric) else -1
        order = sorted(range(len(found)), key=lambda i: sign * found[i].mean if found[i].n else math.inf)
        return [self.names[i] for i in order]

    @cached_property
    def _validation(self) -> tuple[str, list[Mean]] | None:
        """The validation metric to choose by, and its mean in each condition."""
        wanted = validation_metric(self.metrics[0])
        for metric in (wanted, "validation/accuracy"):
            if metric_of(self.runs, metric).notna().any():
                return metric, means(settings_table(self.runs, self.by, [metric]), metric)
        return None

    @cached_property
    def seeds(self) -> pd.Series[str]:
        """What tells a run from the others of its condition, in words: `seed=2`."""
        keys = self.averaged or ["seed"]
        values = conditions(self.runs, keys)
        return pd.Series(
            [label(keys, row, always_named=True) for row in values.itertuples(index=False, name=None)],
            index=self.runs.index, dtype=object,
        )  # fmt: skip

    @property
    def averaged(self) -> list[str]:
        """The keys of what the runs of a condition differ by."""
        own = [key for key in self._swept if key not in self.by]
        recorded = [str(key).removeprefix(PARAM) for key in self.runs if str(key).startswith(PARAM)]
        seeds = [key for key in ("seed", *filter(is_seed, recorded)) if key not in (*own, *self.by)]
        return [*own, *(key for key in dict.fromkeys(seeds) if setting(self.runs, key).nunique() > 1)]

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """The best condition against each other one, by the test texts that their runs get right.

        Columns `one`, `other`, `difference` (of accuracy, mean over the seeds that both have), `low`, `high` (its 95 %
        interval), `seeds`, `median p` (of McNemar's exact test, made for each seed) and `p after Holm`. Conditions
        without predictions, without a seed in common with the best, or tested on other texts, are left out.
        """
        rows = []
        if self.best is not None:
            one = self._right(self.best.condition)
            for other in [name for name in self.names if name != self.best.condition]:
                against = self._right(other)
                both = {s for s in one.keys() & against.keys() if one[s].texts.equals(against[s].texts)}
                if both:
                    found = compare({s: one[s].correct for s in both}, {s: against[s].correct for s in both})
                    mean, half = found.difference.mean, found.difference.half_width
                    difference = {"difference": mean, "low": mean - half, "high": mean + half}
                    about = {"seeds": found.difference.n, "median p": found.median_p}
                    rows.append({"one": self.best.condition, "other": other, **difference, **about})
        columns = ["one", "other", "difference", "low", "high", "seeds", "median p"]
        table = pd.DataFrame(rows, columns=columns)
        return table.assign(**{"p after Holm": holm(table["median p"].tolist())})

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The validation metric over the training: `condition`, `seed`, `run_id`, `step`, `value`."""
        metric = self.best.metric if self.best is not None else ""
        counted = self.runs[metric_of(self.runs, metric).notna()]
        rows = [
            (self.labels[run_id], self.seeds[run_id], run_id, step, value)
            for run_id in tracked(counted["run_id"], "reading learning curves", len(counted))
            for step, value in self._chosen.history(run_id, metric)
        ]
        return pd.DataFrame(rows, columns=["condition", "seed", "run_id", "step", "value"])

    @cached_property
    def tokens(self) -> pd.DataFrame:
        """The tokens of largest effect in each condition: `condition`, `token`, `effect`, `towards`, `runs`, `of`."""
        return top_tokens(self._effects[0], self._ordered, _TOKENS)

    @cached_property
    def overlaps(self) -> pd.DataFrame:
        """The overlap of the vocabularies of each condition's seeds (Jaccard), as `overlaps` returns it."""
        return overlaps(self._effects[0], self._ordered)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """The settings that differ among the runs: `setting`, `value`, `runs`, `conditions`."""
        return differences(self._settings, self._ordered)

    @cached_property
    def shared(self) -> pd.Series[str]:
        """The settings that all runs share."""
        return shared(self._settings)

    @cached_property
    def missing(self) -> list[str]:
        """What is not there, in words: unfinished jobs, unequal seeds, runs without a metric, other test texts, …"""
        used = [*self.metrics, self.best.metric] if self.best else self.metrics
        unvalidated = [] if self.best else ["no run has a validation metric: no condition is chosen as the best"]
        return [
            *unfinished(self._chosen.frame, self._chosen.sweeps),
            *uneven(self.labels, self.seeds),
            *without_metric(self.runs, list(dict.fromkeys(used))),
            *unvalidated,
            *without_file(self.runs, self._unread, "predictions on test texts"),
            *left_out(self._left_out),
            *other_texts(self.runs, self._answers),
        ]

    @cached_property
    def missing_tokens(self) -> list[str]:
        """The runs without tokens, in words: baselines, and runs that recorded no effects."""
        return list(without_file(self.runs, self._effects[1], "recorded tokens"))

    @cached_property
    def _ordered(self) -> pd.Series[str]:
        """The condition of each run, in the order of the table."""
        place = {name: i for i, name in enumerate(self.names)}
        return self.labels.sort_values(key=lambda labels: labels.map(place), kind="stable")

    @cached_property
    def _settings(self) -> pd.DataFrame:
        return settings_of_runs(self.runs)

    @cached_property
    def _effects(self) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
        return self._read(self.runs["run_id"], EFFECTS, read_effects, "reading tokens")

    def _read(
        self, run_ids: pd.Series[str], path: str, read: Callable[[Path], _Read], what: str
    ) -> tuple[dict[str, _Read], dict[str, str]]:
        """Run id → what the file of a run holds; and of the others → why not."""
        found: dict[str, _Read] = {}
        unread: dict[str, str] = {}
        for run_id in tracked(run_ids, what, len(run_ids)):
            file = self._chosen.file(run_id, path)
            try:
                if file is None:
                    unread[run_id] = "none recorded"
                else:
                    found[run_id] = read(file)
            except ValueError as error:
                unread[run_id] = str(error)
        return found, unread

    def _right(self, condition: str) -> Mapping[str, Answers]:
        """Seed → the answers of the run of a condition that began last."""
        oldest_first = self.runs.index[self.labels == condition][::-1]
        return {self.seeds[run_id]: self._answers[run_id] for run_id in oldest_first if run_id in self._answers}

    def _own_keys(self, runs: pd.DataFrame) -> Iterable[str]:
        is_of_sweep = runs[SWEEP_COLUMN] != ""
        several = [SWEEP_COLUMN] if len(self._chosen.sweeps) > 1 else []
        own = [] if is_of_sweep.all() else telling(settings_of_runs(runs))
        swept = condition_keys(self._swept)
        return chain(several, swept, [key for key in own if key not in swept])


def compare_runs(
    *named: str,
    by: Sequence[str] | None = None,
    metrics: Sequence[str] = METRICS,
    where: str = "",
    uri: str | None = None,
    output_dir: Path | str = "outputs",
) -> Comparison:
    """Compare the jobs of sweeps, or single runs, or those that a filter lets through.

    Args:
        *named: names of sweeps; ids, unique beginnings of ids, or names of runs. None: all runs that pass the filter.
        by: keys of settings, configuration groups or tags that tell conditions apart; None: the swept keys.
        metrics: names of metrics: `test/accuracy`.
        where: MLflow's filter.
        uri: tracking URI.
        output_dir: holds the default store.

    Raises:
        InputError: no such store, sweep, run, metric or key, or no run is finished.

    """
    return Comparison(choose_runs(named, where, uri, Path(output_dir).absolute()), by, metrics)


def _check_metrics(runs: pd.DataFrame, metrics: Sequence[str]) -> None:
    for metric in metrics:
        if metric_of(runs, metric).isna().all():
            known = [str(key).removeprefix(METRIC) for key in runs if str(key).startswith(METRIC)]
            raise InputError(f"--metric {metric}: none of the {len(runs)} finished runs has it{hint(metric, known)}")


def _check_keys(runs: pd.DataFrame, by: Sequence[str]) -> None:
    for key in by:
        if key != SWEEP_COLUMN and (setting(runs, key) == "").all():
            raise InputError(f"--by {key}: none of the runs has such a setting or tag{hint(key, _known_keys(runs))}")


def _known_keys(runs: pd.DataFrame) -> list[str]:
    """What runs can be told apart by, what differs first."""
    settings = settings_of_runs(runs)
    tags = [str(key).removeprefix(TAG) for key in runs if str(key).startswith(TAG)]
    own = [tag for tag in tags if not tag.startswith(("mlflow.", "tokenlayer.", "resumed.", "git."))]
    return list(dict.fromkeys([*map(str, settings), *own, *(["seed"] if f"{PARAM}seed" in runs else [])]))
