"""What the finished runs of a study say, read from MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from tokenlayer.errors import InputError
from tokenlayer.study.found import Found, Place, State
from tokenlayer.study.statistics import Comparison, Correct, Mean, compare, holm, mean_interval
from tokenlayer.tracking.reading import download_artifact, load_resolved_config, metric_history

_METRICS = "metrics."


@dataclass(frozen=True)
class Compared:
    """A comparison of two cells among several."""

    one: str
    other: str
    result: Comparison
    holm_p: float
    """The median p, corrected by Holm for the number of comparisons."""


class Results:
    """The finished runs of a study.

    Args:
        found: what there is of each run that the study needs.
        place: where it is recorded.

    """

    def __init__(self, found: Sequence[Found], place: Place) -> None:
        self.done = [item for item in found if item.state is State.DONE]
        self.missing = [item.task for item in found if item.state is not State.DONE]
        self._place = place
        self._where: dict[str, Any] = {"uri": place.uri, "output_dir": place.output_dir}
        self._correct: dict[str, Correct] = {}
        self._texts: dict[str, pd.MultiIndex] = {}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a finished run: `cell`, what tells the cell, `seed`, `run_id`, `minutes`, and each metric.

        Metrics of validation and test, and others that a run ends with, keep their names: `test/accuracy`.
        """
        known = {row["run_id"]: row for row in self._place.runs().to_dict("records")}
        rows = [self._row(item, known[item.run_id]) for item in self.done]
        return pd.DataFrame(rows, columns=None if rows else ["cell", "seed", "run_id", "minutes"])

    def _row(self, item: Found, run: Mapping[Any, Any]) -> dict[str, Any]:
        metrics = {str(key).removeprefix(_METRICS): run[key] for key in run if str(key).startswith(_METRICS)}
        return {
            "cell": item.task.cell.name,
            **item.task.cell.shown,
            "seed": item.task.seed,
            "run_id": item.run_id,
            "minutes": (run["end"] - run["start"]).total_seconds() / 60,
            **{key: value for key, value in metrics.items() if key.split("/")[0] in _KEPT},
        }

    def mean(self, cell: str, metric: str = "test/accuracy") -> Mean:
        """Over the seeds that the cell has."""
        if metric not in self.frame:
            return mean_interval([])
        return mean_interval(self.frame.loc[self.frame["cell"] == cell, metric].dropna().astype(float).tolist())

    def run_ids(self, cell: str) -> dict[int, str]:
        """Seed → run."""
        runs = {item.task.seed: item.run_id for item in self.done if item.task.cell.name == cell}
        return {seed: run_id for seed, run_id in runs.items() if run_id is not None}

    def history(self, cell: str, metric: str) -> dict[int, pd.DataFrame]:
        """Seed → `step` and `value` of a metric over the training, of the runs that have it."""
        if metric not in self.frame:
            return {}
        have = set(self.frame.loc[self.frame[metric].notna(), "run_id"])
        runs = self.run_ids(cell)
        return {seed: metric_history(runs[seed], metric, **self._where) for seed in runs if runs[seed] in have}

    def config(self, run_id: str) -> dict[str, Any]:
        """The resolved configuration of a run."""
        return load_resolved_config(run_id, **self._where)

    def compared(self, pairs: Sequence[tuple[str, str]]) -> list[Compared]:
        """Each pair of cells that have a seed in common, tested text by text, corrected for how many they are.

        Raises:
            InputError: the cells were tested on different texts.

        """
        possible = [(one, other) for one, other in pairs if self.run_ids(one).keys() & self.run_ids(other).keys()]
        results = [compare(self._answers(one, other), self._answers(other, one)) for one, other in possible]
        corrected = holm([result.median_p for result in results])
        return [Compared(*pair, result, p) for pair, result, p in zip(possible, results, corrected, strict=True)]

    def _answers(self, cell: str, other: str) -> dict[int, Correct]:
        """Seed → which texts the cell gets right, for the seeds that the other has, too."""
        shared = self.run_ids(cell).keys() & self.run_ids(other).keys()
        runs = {seed: run_id for seed, run_id in self.run_ids(cell).items() if seed in shared}
        for seed, run_id in runs.items():
            self._read(run_id)
            against = self.run_ids(other)[seed]
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
        """The processors that the runs were made on, as told by each run's provenance."""
        told = set()
        for item in self.done:
            assert item.run_id is not None
            path = download_artifact(item.run_id, "config/provenance.json", **self._where)
            hardware = json.loads(path.read_text(encoding="utf-8"))["hardware"]
            gpus = "".join(f", {gpu}" for gpu in hardware["gpus"])
            told.add(f"{hardware['cpu']}{gpus} ({hardware['usable_threads'] or hardware['threads']} threads usable)")
        return sorted(told)


_KEPT = ("validation", "test", "planted", "quality", "tokens")
