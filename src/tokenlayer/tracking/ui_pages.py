"""The pages of MLflow's UI that show an experiment, a run or a sweep, with their views made ready in the store."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.redaction import redacted
from tokenlayer.tracking import ui_view
from tokenlayer.tracking.runs import find_run, search_runs
from tokenlayer.tracking.store import Store, open_store
from tokenlayer.tracking.sweep_tags import KIND_TAG, NAME_TAG, PARENT_TAG, SWEEP, swept_keys
from tokenlayer.tracking.ui_view import View

_MOST_EXPERIMENTS = 5
_SAMPLED = 20
_SWEEPS = f"tags.`{KIND_TAG}` = '{SWEEP}'"


@dataclass(frozen=True)
class Page:
    """A page of the UI.

    Attributes:
        shows: what it shows, for people.
        path: what follows the server's address; empty for the first page.

    """

    shows: str
    path: str


@dataclass(frozen=True)
class Pages:
    """Pages that show what was asked for, the best first, and why they are not prepared if they are not."""

    pages: list[Page]
    unprepared: str | None


class _Views:
    """Stores views as tags of their experiments, and says what prevented it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.unprepared = ui_view.why_unchecked()

    def store(self, view: View, experiment_id: str) -> bool:
        """Put a view in the place of an earlier one of its key, unless it is the same; True if it is there."""
        if self.unprepared is not None:
            return False
        value = view.value()
        try:
            if self._store.client.get_experiment(experiment_id).tags.get(view.tag) != value:
                self._store.client.set_experiment_tag(experiment_id, view.tag, value)
        except (MlflowException, SQLAlchemyError) as error:
            self.unprepared = f"the view cannot be stored: {error}".partition("\n")[0]
        return self.unprepared is None


def pages_of(named: str | None, uri: str | None, output_dir: Path) -> Pages:
    """The pages of a run or a sweep, or of the experiments that have runs, the latest first.

    Args:
        named: id of a run or of a sweep's parent, a unique beginning of it, or its name; None: all runs.
        uri: tracking URI; None: the default store of `output_dir`.
        output_dir: holds the default store.

    Raises:
        InputError: no such store or run.

    """
    store = open_store(uri, output_dir, create=False)
    views = _Views(store)
    if named is None:
        pages = _experiments(store, views)
    else:
        run = _named_sweep(store, named) or find_run(store, named)
        pages = _sweep(store, views, run) if run.data.tags.get(KIND_TAG) == SWEEP else _run(views, run)
    return Pages(pages, views.unprepared)


def _experiments(store: Store, views: _Views) -> list[Page]:
    """The runs of the experiments in which runs were started last."""
    started: list[tuple[int, Experiment]] = []
    for experiment in store.client.search_experiments():
        latest = store.client.search_runs([experiment.experiment_id], max_results=1)
        started += [(run.info.start_time, experiment) for run in latest]
    latest_first = sorted(started, key=lambda pair: pair[0], reverse=True)
    return [_experiment(store, views, experiment) for _, experiment in latest_first[:_MOST_EXPERIMENTS]]


def _experiment(store: Store, views: _Views, experiment: Experiment) -> Page:
    experiment_id = experiment.experiment_id
    sweeps = search_runs(store, [experiment_id], _SWEEPS)
    some = store.client.search_runs([experiment_id], max_results=_SAMPLED)
    view = ui_view.view_of_experiment(
        (key for sweep in sweeps for key in swept_keys(sweep.data.tags)),
        (metric for run in some for metric in run.data.metrics),
    )
    path = view.page(experiment_id, stored=views.store(view, experiment_id), as_charts=False)
    return Page(f"experiment {experiment.name}", path)


def _run(views: _Views, run: Run) -> list[Page]:
    """The page of a run, and its charts in the order of `ui_view`: on a run's own page MLflow sorts them by name."""
    experiment_id, run_id = run.info.experiment_id, run.info.run_id
    view = ui_view.view_of_run(run_id, run.data.metrics)
    charts = view.page(experiment_id, stored=views.store(view, experiment_id), as_charts=True)
    return [Page("the run", ui_view.run_path(experiment_id, run_id)), Page("its charts", charts)]


def _sweep(store: Store, views: _Views, parent: Run) -> list[Page]:
    """The charts of a sweep's runs, and the table of them."""
    experiments = [experiment.experiment_id for experiment in store.client.search_experiments()]
    runs = search_runs(store, experiments, f"tags.`{PARENT_TAG}` = '{parent.info.run_id}'")
    counts = Counter([run.info.experiment_id for run in runs] or [parent.info.experiment_id])
    experiment_id = counts.most_common(1)[0][0]  # a page shows the runs of one experiment
    view = ui_view.view_of_sweep(
        parent.info.run_id,
        redacted(parent.data.tags.get(NAME_TAG, parent.info.run_name)),
        swept_keys(parent.data.tags),
        {parameter for run in runs for parameter in run.data.params},
        {metric for run in runs for metric in run.data.metrics},
    )
    stored = views.store(view, experiment_id)
    titles = {"its charts": True, "its table": False}
    return [
        Page(title, view.page(experiment_id, stored=stored, as_charts=as_charts)) for title, as_charts in titles.items()
    ]


def _named_sweep(store: Store, name: str) -> Run | None:
    """The parent of the sweep of this name."""
    experiments = [experiment.experiment_id for experiment in store.client.search_experiments()]
    named = [run for run in search_runs(store, experiments, _SWEEPS) if run.data.tags.get(NAME_TAG) == name]
    return named[0] if named else None
