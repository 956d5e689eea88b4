"""What the finished runs of a study say: those that MLflow holds, and those that were recorded before."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd

from tokenlayer.errors import InputError
from tokenlayer.study.cells import Task
from tokenlayer.study.found import Found, Place, State
from tokenlayer.study.recorded import Compared, Recorded, Row, as_text, merged, used
from tokenlayer.study.statistics import (
    Comparison,
    Correct,
    Mean,
    compare,
    holm,
    mean_interval,
    p_value,
    percent,
    shown_p,
)
from tokenlayer.tracking.reading import download_artifact, load_resolved_config, metric_history

_METRICS = "metrics."
_COMMIT_LENGTH = 12
_ABOUT_RUN = ("run_id", "commit", "finished", "hardware")
_Made = TypeVar("_Made")


class NotHeld(LookupError):  # noqa: N818  # it ends no program: what was made before is kept
    """MLflow does not hold a recorded run, whose row is all that there is of it."""


def if_held(make: Callable[[Results], _Made], results: Results) -> _Made | None:
    """What is made of histories and the like; None where MLflow lacks those of a recorded run."""
    try:
        return make(results)
    except NotHeld:
        return None


class Results:
    """The finished runs of a study.

    Args:
        found: what MLflow holds of each run that the study needs.
        place: where it is recorded.
        recorded: what the study's folder has of runs before.

    """

    def __init__(self, found: Sequence[Found], place: Place, recorded: Recorded) -> None:
        self.tasks = [item.task for item in found]
        self.comparisons = {(item.one, item.other): item for item in recorded.compared}
        """Those recorded, and, once `compared` has made them, new ones."""
        self._found = found
        self._recorded = recorded
        self._place = place
        self._where: dict[str, Any] = {"uri": place.uri, "output_dir": place.output_dir}
        self._correct: dict[str, Correct] = {}
        self._texts: dict[str, pd.MultiIndex] = {}

    @cached_property
    def rows(self) -> list[Row]:
        """Every row of `results.csv`: all that were recorded, and the finished runs that were not."""
        known = {row["run_id"] for row in self._recorded.rows}
        return merged(
            self._recorded.rows,
            [self._row(task, run_id) for task, run_id in self._done() if run_id not in known],
        )

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a run that counts: `cell`, what tells the cell, `seed`, `run_id`, `minutes`, and each metric.

        Metrics of validation and test, and others that a run ends with, keep their names: `test/accuracy`.
        """
        rows = [_typed(task, row) for task in self.tasks if (row := self._used.get((task.cell.name, task.seed)))]
        return pd.DataFrame(rows, columns=None if rows else ["cell", "seed", *_ABOUT_RUN, "minutes"])

    @property
    def missing(self) -> list[Task]:
        """Runs that the study needs, and that neither MLflow nor the study's folder has."""
        return [task for task in self.tasks if (task.cell.name, task.seed) not in self._used]

    @cached_property
    def _used(self) -> dict[tuple[str, int], Row]:
        return used(self.rows)

    @cached_property
    def _held(self) -> dict[str, dict[str, Any]]:
        """Run → what MLflow holds of it, for the finished runs of all studies."""
        runs: list[dict[str, Any]] = self._place.runs().to_dict("records")  # type: ignore[assignment]  # pandas: Hashable
        return {run["run_id"]: run for run in runs if run["status"] == "FINISHED"}

    def _done(self) -> list[tuple[Task, str]]:
        return [(item.task, item.run_id) for item in self._found if item.state is State.DONE and item.run_id]

    def _row(self, task: Task, run_id: str) -> Row:
        run = self._held[run_id]
        metrics = {key.removeprefix(_METRICS): value for key, value in run.items() if key.startswith(_METRICS)}
        row: dict[str, object] = {
            "cell": task.cell.name,
            **task.cell.shown,
            "seed": task.seed,
            "run_id": run_id,
            "commit": _commit(run),
            "finished": run["end"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "hardware": self._hardware(run_id),
            "minutes": (run["end"] - run["start"]).total_seconds() / 60,
        }
        row |= {key: value for key, value in metrics.items() if _is_kept(key) and not math.isnan(value)}
        return {key: as_text(value) for key, value in row.items()}

    def mean(self, cell: str, metric: str = "test/accuracy") -> Mean:
        """Over the seeds that the cell has."""
        if metric not in self.frame:
            return mean_interval([])
        return mean_interval(self.frame.loc[self.frame["cell"] == cell, metric].dropna().astype(float).tolist())

    def run_ids(self, cell: str) -> dict[int, str]:
        """Seed → the run that counts, whether MLflow holds it or not."""
        rows = self.frame[self.frame["cell"] == cell]
        return dict(zip(rows["seed"].tolist(), rows["run_id"].tolist(), strict=True))

    def history(self, cell: str, metric: str) -> dict[int, pd.DataFrame]:
        """Seed → `step` and `value` of a metric over the training, of the runs that have it.

        Raises:
            NotHeld: MLflow lacks one of them.

        """
        if metric not in self.frame:
            return {}
        have = set(self.frame.loc[self.frame[metric].notna(), "run_id"])
        runs = {seed: run_id for seed, run_id in self.run_ids(cell).items() if run_id in have}
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
        """Each pair of cells that have a seed in common, tested text by text, corrected for how many they are.

        A recorded comparison stays, unless MLflow holds the runs to make it over as many seeds or more.

        Raises:
            InputError: the cells were tested on different texts.

        """
        made = {
            (one, other): compare(self._answers(one, other), self._answers(other, one))
            for one, other in pairs
            if self._is_to_be_made(one, other)
        }
        shown = [pair for pair in pairs if pair in made or pair in self.comparisons]
        p_values = [made[pair].median_p if pair in made else shown_p(self.comparisons[pair].median_p) for pair in shown]
        # Recorded comparisons count among those that new ones are corrected for, and themselves stay as they are.
        for pair, p in zip(shown, holm(p_values), strict=True):
            if pair in made:
                self.comparisons[pair] = _compared(pair, made[pair], p)
        return [self.comparisons[pair] for pair in shown]

    def _is_to_be_made(self, one: str, other: str) -> bool:
        seeds = len(self._held_runs(one).keys() & self._held_runs(other).keys())
        recorded = self.comparisons.get((one, other))
        return seeds > 0 and (recorded is None or seeds >= recorded.seeds)

    def _held_runs(self, cell: str) -> dict[int, str]:
        return {seed: run_id for seed, run_id in self.run_ids(cell).items() if run_id in self._held}

    def _answers(self, cell: str, other: str) -> dict[int, Correct]:
        """Seed → which texts the cell gets right, for the seeds that the other has, too."""
        others = self._held_runs(other)
        runs = {seed: run_id for seed, run_id in self._held_runs(cell).items() if seed in others}
        for seed, run_id in runs.items():
            self._read(run_id)
            against = others[seed]
            self._read(against)
            if not self._texts[run_id].equals(self._texts[against]):
                raise InputError(f"runs {run_id} ({cell}) and {against} ({other}) were tested on different texts")
        return {seed: self._correct[run_id] for seed, run_id in runs.items()}

    def _read(self, run_id: str) -> None:
        """What a run got right, its texts in the order of their ids; a text that occurs twice counts twice."""
        if run_id in self._correct:
            return
        answers = pd.read_parquet(download_artifact(run_id, "predictions/test.parquet", **self._where))
        answers["occurrence"] = answers.groupby(["text_id", "label"]).cumcount()
        ordered = answers.set_index(["text_id", "label", "occurrence"]).sort_index()
        labels = ordered.index.get_level_values("label")
        assert isinstance(ordered.index, pd.MultiIndex)
        self._texts[run_id] = ordered.index
        self._correct[run_id] = (ordered["prediction"].to_numpy() == labels.to_numpy()).astype(bool)

    def hardware(self) -> list[str]:
        """The processors that the runs were made on."""
        return sorted(set(self.frame["hardware"]) - {""})

    def _hardware(self, run_id: str) -> str:
        """As told by a run's provenance."""
        path = download_artifact(run_id, "config/provenance.json", **self._where)
        told = json.loads(path.read_text(encoding="utf-8"))["hardware"]
        gpus = "".join(f", {gpu}" for gpu in told["gpus"])
        return f"{told['cpu']}{gpus} ({told['usable_threads'] or told['threads']} threads usable)"


_KEPT = ("validation", "test", "planted", "quality", "tokens")


def _is_kept(key: str) -> bool:
    return key.split("/", maxsplit=1)[0] in _KEPT


def _commit(run: Mapping[str, Any]) -> str:
    """What code made a run, as far as MLflow was told."""
    commit = run.get("tags.mlflow.source.git.commit")
    if not isinstance(commit, str):
        return ""
    return commit[:_COMMIT_LENGTH] + ("+dirty" if run.get("tags.git.dirty") == "True" else "")


def _typed(task: Task, row: Row) -> dict[str, Any]:
    """A row of the frame; what tells the cell is taken from the study."""
    numbers = {key: float(row[key] or "nan") for key in row if key == "minutes" or _is_kept(key)}
    about = {key: row.get(key, "") for key in _ABOUT_RUN}
    return {"cell": task.cell.name, **task.cell.shown, "seed": task.seed, **about, **numbers}


def _compared(pair: tuple[str, str], result: Comparison, holm_p: float) -> Compared:
    difference = percent(result.difference, sign=True)
    return Compared(*pair, difference, result.difference.n, p_value(result.median_p), p_value(holm_p))
