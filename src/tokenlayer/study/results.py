"""Results of a study's finished runs: those in MLflow, and those recorded earlier."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from tokenlayer.comparison.answers import PREDICTIONS, Answers, AnswersReader, read_predictions
from tokenlayer.comparison.means import Mean, mean_interval, percent
from tokenlayer.comparison.paired import Correct, Paired, compare, holm, p_value, shown_p
from tokenlayer.errors import InputError
from tokenlayer.study.conditions import Task
from tokenlayer.study.recorded import Compared, Recorded, Row, as_text, merged, used
from tokenlayer.study.status import Place, RunStatus, State
from tokenlayer.tracking.reading import download_artifact, load_resolved_config, metric_history

_METRICS = "metrics."
_COMMIT_LENGTH = 12
_ABOUT_RUN = ("run_id", "commit", "finished", "hardware")
_Made = TypeVar("_Made")


class NotHeld(LookupError):  # noqa: N818  # no error: earlier tables and figures are kept
    """A recorded run is not in MLflow; there is only its row."""


def if_held(make: Callable[[Results], _Made], results: Results) -> _Made | None:
    """The result of `make`, or None if it needs more than the row of a run that MLflow lacks."""
    try:
        return make(results)
    except NotHeld:
        return None


class Results:
    """The finished runs of a study.

    Args:
        runs: the status of each run that the study needs.
        place: where runs are recorded.
        recorded: rows and comparisons from the study's folder.

    """

    def __init__(self, runs: Sequence[RunStatus], place: Place, recorded: Recorded) -> None:
        self.tasks = [run.task for run in runs]
        self.comparisons = {(item.one, item.other): item for item in recorded.compared}
        """Recorded comparisons, and those that `compared` has made."""
        self._runs = runs
        self._recorded = recorded
        self._place = place
        self._where: dict[str, Any] = {"uri": place.uri, "output_dir": place.output_dir}
        self._reader = AnswersReader()
        self._read: dict[str, Answers] = {}

    @cached_property
    def rows(self) -> list[Row]:
        """All rows of `results.csv`: the recorded ones, and those of finished runs not recorded yet."""
        known = {row["run_id"] for row in self._recorded.rows}
        return merged(
            self._recorded.rows,
            [self._row(task, run_id) for task, run_id in self._done() if run_id not in known],
        )

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row for each run that counts: `condition`, its columns, `seed`, `run_id`, `minutes`, and the final metrics.

        Metrics have their names in MLflow: `test/accuracy`.
        """
        rows = [_typed(task, row) for task in self.tasks if (row := self._used.get((task.condition.name, task.seed)))]
        return pd.DataFrame(rows, columns=None if rows else ["condition", "seed", *_ABOUT_RUN, "minutes"])

    @property
    def missing(self) -> list[Task]:
        """Runs that the study needs and that neither MLflow nor the study's folder has."""
        return [task for task in self.tasks if (task.condition.name, task.seed) not in self._used]

    @cached_property
    def _used(self) -> dict[tuple[str, int], Row]:
        return used(self.rows)

    @cached_property
    def _held(self) -> dict[str, dict[str, Any]]:
        """Run id → the run in MLflow, for the finished runs of all studies."""
        runs: list[dict[str, Any]] = self._place.runs().to_dict("records")  # type: ignore[assignment]  # pandas: Hashable
        return {run["run_id"]: run for run in runs if run["status"] == "FINISHED"}

    def _done(self) -> list[tuple[Task, str]]:
        return [(run.task, run.run_id) for run in self._runs if run.state is State.DONE and run.run_id]

    def _row(self, task: Task, run_id: str) -> Row:
        run = self._held[run_id]
        metrics = {key.removeprefix(_METRICS): value for key, value in run.items() if key.startswith(_METRICS)}
        row: dict[str, object] = {
            "condition": task.condition.name,
            **task.condition.shown,
            "seed": task.seed,
            "run_id": run_id,
            "commit": _commit(run),
            "finished": run["end"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "hardware": self._hardware(run_id),
            "minutes": (run["end"] - run["start"]).total_seconds() / 60,
        }
        row |= {key: value for key, value in metrics.items() if _is_kept(key) and not math.isnan(value)}
        return {key: as_text(value) for key, value in row.items()}

    def mean(self, condition: str, metric: str = "test/accuracy") -> Mean:
        """Mean over the seeds that the condition has."""
        if metric not in self.frame:
            return mean_interval([])
        return mean_interval(
            self.frame.loc[self.frame["condition"] == condition, metric].dropna().astype(float).tolist()
        )

    def run_ids(self, condition: str) -> dict[int, str]:
        """Seed → the run that counts, in MLflow or not."""
        rows = self.frame[self.frame["condition"] == condition]
        return dict(zip(rows["seed"].tolist(), rows["run_id"].tolist(), strict=True))

    def history(self, condition: str, metric: str) -> dict[int, pd.DataFrame]:
        """Seed → `step` and `value` of a metric over the training, for the runs that have it.

        Raises:
            NotHeld: MLflow lacks one of them.

        """
        if metric not in self.frame:
            return {}
        have = set(self.frame.loc[self.frame[metric].notna(), "run_id"])
        runs = {seed: run_id for seed, run_id in self.run_ids(condition).items() if run_id in have}
        for run_id in runs.values():
            self._check_held(run_id)
        return {seed: metric_history(run_id, metric, **self._where) for seed, run_id in runs.items()}

    def config(self, run_id: str) -> dict[str, Any]:
        """The resolved configuration of a run.

        Raises:
            NotHeld: MLflow lacks it.

        """
        self._check_held(run_id)
        return load_resolved_config(run_id, **self._where)

    def _check_held(self, run_id: str) -> None:
        if run_id not in self._held:
            raise NotHeld(run_id)

    def compared(self, pairs: Sequence[tuple[str, str]]) -> list[Compared]:
        """Compare each pair of conditions with a seed in common, text by text, corrected for the number of pairs.

        A recorded comparison stays unless the answers are at hand to make it over at least as many seeds.

        Raises:
            InputError: two conditions were tested on different texts.

        """
        made = {
            (one, other): compare(self._right(one, other), self._right(other, one))
            for one, other in pairs
            if self._can_be_compared(one, other)
        }
        shown = [pair for pair in pairs if pair in made or pair in self.comparisons]
        p_values = [made[pair].median_p if pair in made else shown_p(self.comparisons[pair].median_p) for pair in shown]
        # Recorded comparisons count in the correction of new ones, and stay as they are.
        for pair, p in zip(shown, holm(p_values), strict=True):
            if pair in made:
                self.comparisons[pair] = _compared(pair, made[pair], p)
        return [self.comparisons[pair] for pair in shown]

    def _can_be_compared(self, one: str, other: str) -> bool:
        seeds = len(self._known_runs(one).keys() & self._known_runs(other).keys())
        recorded = self.comparisons.get((one, other))
        return seeds > 0 and (recorded is None or seeds >= recorded.seeds)

    def _known_runs(self, condition: str) -> dict[int, str]:
        """Seed → run, for runs whose answers are at hand."""
        runs = self.run_ids(condition).items()
        return {seed: run_id for seed, run_id in runs if run_id in self._held or run_id in self._recorded.archive}

    def _right(self, condition: str, other: str) -> dict[int, Correct]:
        """Seed → the texts that the condition gets right, for the seeds that both have."""
        others = self._known_runs(other)
        runs = {seed: run_id for seed, run_id in self._known_runs(condition).items() if seed in others}
        for seed, run_id in runs.items():
            against = others[seed]
            if not self._answers(run_id).texts.equals(self._answers(against).texts):
                raise InputError(f"runs {run_id} ({condition}) and {against} ({other}) were tested on different texts")
        return {seed: self._answers(run_id).correct for seed, run_id in runs.items()}

    def _answers(self, run_id: str) -> Answers:
        if run_id not in self._read:
            self._read[run_id] = self._reader.of(self._predictions(run_id))
        return self._read[run_id]

    def new_predictions(self) -> Iterator[tuple[str, pa.Table]]:
        """Texts and predictions of each run that counts, and whose answers only MLflow has."""
        for run_id in self.frame["run_id"]:
            if run_id in self._held and run_id not in self._recorded.archive:
                yield run_id, self._predictions(run_id)

    def _predictions(self, run_id: str) -> pa.Table:
        if run_id in self._recorded.archive:
            return self._recorded.archive.predictions(run_id)
        try:
            return read_predictions(download_artifact(run_id, PREDICTIONS, **self._where))
        except ValueError as error:
            raise InputError(f"run {run_id}: {error}") from error

    def hardware(self) -> list[str]:
        """The different machines that the runs were made on."""
        return sorted(set(self.frame["hardware"]) - {""})

    def _hardware(self, run_id: str) -> str:
        """Processor and GPUs, from a run's provenance."""
        path = download_artifact(run_id, "config/provenance.json", **self._where)
        found = json.loads(path.read_text(encoding="utf-8"))["hardware"]
        gpus = "".join(f", {gpu}" for gpu in found["gpus"])
        return f"{found['cpu']}{gpus} ({found['usable_threads'] or found['threads']} threads usable)"


_KEPT = ("validation", "test", "planted", "quality", "tokens")


def _is_kept(key: str) -> bool:
    return key.split("/", maxsplit=1)[0] in _KEPT


def _commit(run: Mapping[str, Any]) -> str:
    """The commit of the code that made a run, as far as MLflow has it."""
    commit = run.get("tags.mlflow.source.git.commit")
    if not isinstance(commit, str):
        return ""
    return commit[:_COMMIT_LENGTH] + ("+dirty" if run.get("tags.git.dirty") == "True" else "")


def _typed(task: Task, row: Row) -> dict[str, Any]:
    """A row of the frame; the columns of the condition are taken from the study."""
    numbers = {key: float(row[key] or "nan") for key in row if key == "minutes" or _is_kept(key)}
    about = {key: row.get(key, "") for key in _ABOUT_RUN}
    return {"condition": task.condition.name, **task.condition.shown, "seed": task.seed, **about, **numbers}


def _compared(pair: tuple[str, str], result: Paired, holm_p: float) -> Compared:
    difference = percent(result.difference, sign=True)
    return Compared(*pair, difference, result.difference.n, p_value(result.median_p), p_value(holm_p))
