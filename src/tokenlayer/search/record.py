"""A search as it is recorded in the store: its parent, and the runs of its trials."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tokenlayer.comparison.table import metric_of
from tokenlayer.data.config import DatasetConfig
from tokenlayer.redaction import redacted
from tokenlayer.search.figures import SearchFigures
from tokenlayer.search.plan import SearchPlan
from tokenlayer.search.report import COUNTED, TEST, SearchReport, find_children
from tokenlayer.search.space import shown
from tokenlayer.search.study import RunningTrial, SearchStudy
from tokenlayer.sweeps.changes import data_tags
from tokenlayer.sweeps.states import code_digest
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.names import cut
from tokenlayer.tracking.reading import find_runs
from tokenlayer.tracking.sweep_run import Child, SweepRun, children, children_of, record_failure, rewrite
from tokenlayer.tracking.sweep_tags import CODE_TAG, ERROR_TAG, TRIAL_TAG, job_tags
from tokenlayer.training.job import Member

FOLDER, TABLE = "search", "search/trials.json"
SECONDS_APART = 30.0
"""At least so long before a search has ended it waits until it draws its figures again: they take a second or two."""
_ERROR_LENGTH = 1000


class SearchRecord:
    """The runs of a search.

    Args:
        plan: the search.
        n_trials: wanted.
        parent: its parent.
        study: its study.
        tracking: the store.
        output_dir: the folder of its runs.

    """

    def __init__(
        self,
        plan: SearchPlan,
        n_trials: int,
        parent: SweepRun,
        study: SearchStudy,
        tracking: TrackingConfig,
        output_dir: Path,
    ) -> None:
        self._plan = plan
        self._n_trials = n_trials
        self._parent = parent
        self._study = study
        self._tracking = tracking
        self._output_dir = output_dir
        self._drawn_at = -math.inf

    def children(self) -> dict[int, Child]:
        """The run of each trial."""
        return find_children(self._children())

    def report(self) -> SearchReport:
        """What there is to say."""
        where = children_of(self._parent.run_id)
        runs = find_runs(self._tracking.uri, where=where, output_dir=self._output_dir)
        tested = zip(runs["run_id"], metric_of(runs, TEST), strict=True) if len(runs) else ()
        known = {str(run_id): float(accuracy) for run_id, accuracy in tested if not math.isnan(accuracy)}
        trials, best = self._study.trials(), self._study.best()
        return SearchReport(self._plan, self._n_trials, trials, best, self.children(), known)

    def update(self, report: SearchReport, command: str, best_command: str | None, *, has_ended: bool) -> None:
        """Write the parent anew, with figures if it is time for them.

        Args:
            report: what it is to say.
            command: the command line of the search.
            best_command: that which trains with the best values.
            has_ended: whether this is the last time.

        """
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / FOLDER
            folder.mkdir()
            report.table().to_json(Path(scratch) / TABLE, orient="split", index=False)
            if has_ended or time.monotonic() - self._drawn_at >= SECONDS_APART:
                self._figures(report).write(folder)
                self._drawn_at = time.monotonic()
            note = report.note(command, best_command)
            rewrite(self._parent.store, self._parent.run_id, note, report.metrics(), Path(scratch))

    def _figures(self, report: SearchReport) -> SearchFigures:
        measured = [trial for trial in report.trials if trial.outcome in COUNTED and trial.value is not None]
        name, metric, space = self._plan.name, self._plan.metric, self._plan.space
        return SearchFigures(name, metric, self._study.is_maximized, space, measured, self._study.importances())

    def member(self, trial: RunningTrial, label: str, dataset: DatasetConfig) -> Member:
        """What the run of a trial has to say of its place.

        Args:
            trial: the trial.
            label: it begins each line of the trial.
            dataset: its texts.

        Raises:
            InputError: the source of the texts cannot be read.

        """
        return Member(label, name_of(trial.settings), {**self._tags(trial), **data_tags(dataset)})

    def record_failure(self, trial: RunningTrial, error: BaseException, began: float, resumed: str | None) -> None:
        """Leave the error with the run of a trial that has failed, which is given one if it did not come so far.

        Args:
            trial: the trial.
            error: what ended it.
            began: the time at which it began, in seconds since 1970.
            resumed: the run that it continued, if it did.

        """
        own = [child for child in self._children() if child.tags.get(TRIAL_TAG) == str(trial.number)]
        run_id = next((child.run_id for child in own if child.started >= began or child.run_id == resumed), None)
        tags = {**self._tags(trial), ERROR_TAG: cut(redacted(str(error)), _ERROR_LENGTH)}
        record_failure(self._parent.store, self._parent.experiment_id, run_id, name_of(trial.settings), tags)

    def _tags(self, trial: RunningTrial) -> Mapping[str, str]:
        tags = job_tags(self._parent.run_id, trial.settings)
        return {**tags, TRIAL_TAG: str(trial.number), CODE_TAG: code_digest()}

    def _children(self) -> list[Child]:
        return children(self._parent.store, self._parent.experiment_id, self._parent.run_id)


def name_of(settings: Mapping[str, str]) -> str:
    """The name of a trial's run: `optimizer.lr=0.003162 learning_rule.candidates=4`."""
    return " ".join(f"{key}={shown(value)}" for key, value in settings.items())
