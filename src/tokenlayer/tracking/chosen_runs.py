"""The runs that a person names together: sweeps, single runs, or what a filter lets through; and what is read of them.

One search finds the jobs of a sweep with all that the store's tables have of them. Files that lie on this machine are
read in their place, without asking the store for each run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from tokenlayer.errors import InputError
from tokenlayer.tracking.reading import run_row
from tokenlayer.tracking.runs import find_run, search_runs, searchable, told_of_filter
from tokenlayer.tracking.store import Store, open_store
from tokenlayer.tracking.sweep_tags import KIND_TAG, NAME_TAG, PARENT_TAG, SWEEP, swept_keys

SWEEP_COLUMN, PLACE_COLUMN = "sweep", "artifacts"


@dataclass(frozen=True)
class Sweep:
    """A sweep that was named."""

    name: str
    keys: tuple[str, ...]
    """The swept keys, in the order of the command line."""
    status: str
    """MLflow's status of the parent: `FINISHED`, `RUNNING`, …"""


@dataclass(frozen=True)
class ChosenRuns:
    """Runs that are to be looked at together."""

    store: Store
    frame: pd.DataFrame
    """A row for each run, the latest first, as `find_runs` returns them, with the columns `sweep` (its name, empty for
    a run that was named itself) and `artifacts` (the URI of its files). The parents of sweeps are not among them."""
    sweeps: tuple[Sweep, ...]

    @cached_property
    def _places(self) -> dict[str, str]:
        return dict(zip(self.frame["run_id"], self.frame[PLACE_COLUMN], strict=True))

    def file(self, run_id: str, path: str) -> Path | None:
        """A local copy of an artifact of one of the runs; None where it has none."""
        place = urlsplit(self._places[run_id])
        if place.scheme in ("", "file"):
            local = Path(unquote(place.path)) / path
            return local if local.is_file() else None
        try:
            return Path(self.store.client.download_artifacts(run_id, path))
        except (MlflowException, OSError):
            return None

    def history(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """Step and value of a metric over time, by step; the later of two values at one step comes last."""
        found = self.store.client.get_metric_history(run_id, metric)
        return [(m.step, m.value) for m in sorted(found, key=lambda m: (m.step, m.timestamp))]


def choose_runs(named: Sequence[str], where: str, uri: str | None, output_dir: Path) -> ChosenRuns:
    """Find the runs, each once.

    Args:
        named: names of sweeps; ids, unique beginnings of ids, or names of runs and sweeps. Empty: all runs.
        where: MLflow's filter, which the runs have to pass, too; empty: none.
        uri: tracking URI; None: the default store of `output_dir`.
        output_dir: holds the default store.

    Raises:
        InputError: no such store, sweep or run, or more than one, a wrong filter, or no run is left.

    """
    store = open_store(uri, output_dir, create=False)
    experiments = {e.experiment_id: e.name for e in store.client.search_experiments()}
    found: dict[str, tuple[Run, str]] = {}
    sweeps = []
    for name in named:
        run = _named(store, list(experiments), name)
        if run.data.tags.get(KIND_TAG) != SWEEP:
            found.setdefault(run.info.run_id, (run, ""))
            continue
        sweep = _sweep(run)
        sweeps.append(sweep)
        jobs = search_runs(store, list(experiments), f"tags.`{PARENT_TAG}` = '{run.info.run_id}'")
        if not jobs:
            raise InputError(f"sweep {sweep.name} has no jobs in {store.shown} yet; wait for the first to begin")
        found |= {job.info.run_id: (job, sweep.name) for job in jobs}
    if where or not named:
        with told_of_filter(store, where):
            passing = search_runs(store, list(experiments), where)
        found = {
            run.info.run_id: found.get(run.info.run_id, (run, ""))
            for run in passing
            if run.info.run_id in found or (not named and run.data.tags.get(KIND_TAG) != SWEEP)
        }
    if not found:
        what = f"the filter {where!r} lets no run through" if where else "there are no runs"
        raise InputError(f"{what}{' of those named' if named else ''} in {store.shown}")
    return ChosenRuns(store, _frame(found, experiments), tuple(dict.fromkeys(sweeps)))


def _named(store: Store, experiments: list[str], name: str) -> Run:
    """The parent of the sweep of this name, or else the run that is meant."""
    condition = f"tags.`{KIND_TAG}` = '{SWEEP}' and tags.`{NAME_TAG}` LIKE '{searchable(name)}'"
    parents = [run for run in search_runs(store, experiments, condition) if run.data.tags.get(NAME_TAG) == name]
    return parents[0] if len(parents) == 1 else find_run(store, name)


def _sweep(parent: Run) -> Sweep:
    tags = parent.data.tags
    name = tags.get(NAME_TAG) or parent.info.run_name or parent.info.run_id
    return Sweep(str(name), tuple(swept_keys(tags)), str(parent.info.status))


def _frame(found: dict[str, tuple[Run, str]], experiments: dict[str, str]) -> pd.DataFrame:
    latest_first = sorted(found.values(), key=lambda pair: -pair[0].info.start_time)
    return pd.DataFrame(
        [
            {
                **run_row(run, experiments.get(run.info.experiment_id, "")),
                SWEEP_COLUMN: sweep,
                PLACE_COLUMN: run.info.artifact_uri,
            }
            for run, sweep in latest_first
        ]
    )
