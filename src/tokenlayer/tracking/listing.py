"""The runs of a store in a list, the latest first, with the jobs of a sweep counted at their parent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from mlflow.entities import Run

from tokenlayer.tracking.lease import mark_dead_runs
from tokenlayer.tracking.reading import utc
from tokenlayer.tracking.runs import pages, search_runs, told_of_filter
from tokenlayer.tracking.store import Store, open_store
from tokenlayer.tracking.sweep_tags import JOB_TAG, KIND_TAG, NAME_TAG, PARENT_TAG, SWEEP

_SHORTEST = 8
_PAGE = 200


@dataclass(frozen=True)
class Listed:
    """A run or a sweep."""

    run_id: str
    short_id: str
    """The beginning of the id, which is that of no other run that was looked at."""
    name: str
    status: str
    start: datetime
    """UTC."""
    test: float | None
    """Accuracy on test texts."""
    validation: float | None
    jobs: dict[str, int] | None = None
    """Status → number of jobs, for a sweep. A job that was run again counts by its latest run."""


def list_runs(uri: str | None, output_dir: Path, where: str, limit: int) -> list[Listed]:
    """The latest runs, those whose process was killed marked so. Without a filter, jobs stand within their sweeps.

    Args:
        uri: tracking URI; None: the default store of `output_dir`.
        output_dir: holds the default store.
        where: MLflow's filter; with one, jobs of sweeps are runs like all others.
        limit: how many at most.

    Raises:
        InputError: no such store, or a wrong filter.

    """
    store = open_store(uri, output_dir, create=False)
    mark_dead_runs(store)
    experiments = [e.experiment_id for e in store.client.search_experiments()]
    kept: list[Run] = []
    seen: list[str] = []
    with told_of_filter(store, where):
        for run in chain.from_iterable(pages(store, experiments, where, size=_PAGE)):
            seen.append(str(run.info.run_id))
            if where or JOB_TAG not in run.data.tags:
                kept.append(run)
            if len(kept) == limit:
                break
    return [_listed(store, experiments, run, seen) for run in kept]


def _listed(store: Store, experiments: list[str], run: Run, seen: list[str]) -> Listed:
    tags, metrics = run.data.tags, run.data.metrics
    is_sweep = tags.get(KIND_TAG) == SWEEP
    run_id = str(run.info.run_id)
    return Listed(
        run_id=run_id,
        short_id=_short(run_id, seen),
        name=str((tags.get(NAME_TAG) if is_sweep else None) or run.info.run_name),
        status=str(run.info.status),
        start=utc(run.info.start_time),
        test=metrics.get("test/accuracy"),
        validation=metrics.get("validation/accuracy"),
        jobs=_jobs(store, experiments, run_id) if is_sweep else None,
    )


def _jobs(store: Store, experiments: list[str], parent: str) -> dict[str, int]:
    latest: dict[str, str] = {}
    for job in search_runs(store, experiments, f"tags.`{PARENT_TAG}` = '{parent}'"):
        latest.setdefault(job.data.tags.get(JOB_TAG, job.info.run_id), str(job.info.status))
    statuses = list(latest.values())
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def _short(run_id: str, seen: list[str]) -> str:
    others = [other for other in seen if other != run_id]
    return next(
        (
            run_id[:n]
            for n in range(_SHORTEST, len(run_id))
            if not any(other.startswith(run_id[:n]) for other in others)
        ),
        run_id,
    )
