"""The runs of a study that MLflow has already. A run is recognised by its settings, whichever study made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pandas as pd

from tokenlayer.comparison.settings import is_relevant
from tokenlayer.errors import InputError
from tokenlayer.study.conditions import Task
from tokenlayer.tracking.folder import RunFolder, runs_folder
from tokenlayer.tracking.reading import find_runs
from tokenlayer.tracking.store import open_store

STUDY_TAG = "study"
"""Tag with the name of the study that made a run. Runs without it are not looked at."""
CONDITION_TAG = "condition"
"""Tag with the name of the condition."""
_RESUMED = "tags.resumed."
_PARAM = "params."


class State(Enum):
    """The stage that a run has reached."""

    DONE = "done"
    BROKEN_OFF = "broken off"
    """Resuming can be tried."""
    RUNNING = "running"
    """In another process, here or elsewhere."""
    MISSING = "missing"


@dataclass(frozen=True)
class Place:
    """The store and the folder that runs are recorded in."""

    output_dir: Path
    uri: str | None = None

    def runs(self) -> pd.DataFrame:
        """The runs of all studies, the latest first. A missing store is made."""
        open_store(self.uri, self.output_dir)
        return find_runs(self.uri, where=f"tags.{STUDY_TAG} != ''", output_dir=self.output_dir)


@dataclass(frozen=True)
class RunStatus:
    """A run that a study needs, and how far it has come."""

    task: Task
    state: State
    run_id: str | None = None
    other_settings: tuple[str, ...] = ()
    """Differences of the latest finished run of the same condition and seed, if there are such runs under other
    settings only."""


def find(tasks: Sequence[Task], place: Place) -> list[RunStatus]:
    """The status of each task in MLflow.

    Raises:
        InputError: the store cannot be read.

    """
    runs = [_Run.of(row) for row in place.runs().to_dict("records")]
    return [_find(task, runs, place) for task in tasks]


@dataclass(frozen=True)
class _Run:
    run_id: str
    status: str
    seed: str | None
    settings: Mapping[str, str]
    study: str
    condition: str | None

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> _Run:
        texts = {str(key): value for key, value in row.items() if isinstance(value, str)}
        params = {key.removeprefix(_PARAM): value for key, value in texts.items() if key.startswith(_PARAM)}
        # A parameter in MLflow cannot change; a setting that a resumed run changed is in a tag.
        params |= {key.removeprefix(_RESUMED): value for key, value in texts.items() if key.startswith(_RESUMED)}
        return cls(
            run_id=texts["run_id"],
            status=texts["status"],
            seed=params.get("seed"),
            settings={key: value for key, value in params.items() if is_relevant(key)},
            study=texts[f"tags.{STUDY_TAG}"],
            condition=texts.get(f"tags.{CONDITION_TAG}"),
        )

    def is_of(self, task: Task) -> bool:
        return self.seed == str(task.seed) and not differences(task, self.settings)

    def was_made_as(self, task: Task) -> bool:
        return (self.study, self.condition, self.seed) == (task.study, task.condition.name, str(task.seed))


def differences(task: Task, settings: Mapping[str, str]) -> list[str]:
    """A text for each setting that a run has and the task has otherwise.

    A setting that the program has gained or lost since the run was made is no difference, unless the task's overrides
    name it: new defaults leave things as they were. Nor is one that the task leaves open for the run to choose.
    """
    found = [
        f"{key}={settings[key]}, now {value}"
        for key, value in task.settings.items()
        if key in settings and settings[key] != value and key not in task.left_open
    ]
    classes = {key for key in (*settings, *task.settings) if key.endswith("._target_")}
    unknown = [key for key in dict.fromkeys((*classes, *task.set_keys)) if key not in settings and key in task.settings]
    lost = [key for key in classes if key not in task.settings]
    return found + [f"{key} was unknown" for key in unknown] + [f"{key}={settings[key]} is no more" for key in lost]


def _find(task: Task, runs: Sequence[_Run], place: Place) -> RunStatus:
    alike = [run for run in runs if run.is_of(task)]
    for run in alike:
        if run.status == "FINISHED":
            return RunStatus(task, State.DONE, run.run_id)
    for run in alike:
        if run.status in ("RUNNING", "KILLED") and task.condition.command == "train":
            # MLflow calls a run RUNNING even if its process was killed.
            runs_on = run.status == "RUNNING" and not _is_dead(run.run_id, place)
            return RunStatus(task, State.RUNNING if runs_on else State.BROKEN_OFF, run.run_id)
    former = [run for run in runs if run.status == "FINISHED" and run.was_made_as(task)]
    return RunStatus(task, State.MISSING, other_settings=tuple(differences(task, former[0].settings)) if former else ())


def _is_dead(run_id: str, place: Place) -> bool:
    """True if the run was recorded on this machine and no process records it any more."""
    if not (runs_folder(place.output_dir) / run_id).is_dir():
        return False
    folder = RunFolder(place.output_dir, run_id)
    try:
        folder.open()
    except InputError:
        return False
    folder.close()
    return True
