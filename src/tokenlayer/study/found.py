"""Which runs of a study MLflow holds already. A run is known by its settings, whichever study made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pandas as pd

from tokenlayer.config.chosen import CHOSEN
from tokenlayer.errors import InputError
from tokenlayer.study.cells import Task, is_deciding
from tokenlayer.tracking.folder import RunFolder, runs_folder
from tokenlayer.tracking.reading import find_runs
from tokenlayer.tracking.store import open_store

STUDY_TAG = "study"
"""Its value is the study that made the run; other runs are none of a study's."""
CELL_TAG = "cell"
_RESUMED = "tags.resumed."
_PARAM = "params."


class State(Enum):
    """How far a run has come."""

    DONE = "done"
    BROKEN_OFF = "broken off"
    """It can be tried to resume it."""
    RUNNING = "running"
    """In another process, here or elsewhere."""
    MISSING = "missing"


@dataclass(frozen=True)
class Place:
    """Where runs are recorded."""

    output_dir: Path
    uri: str | None = None

    def runs(self) -> pd.DataFrame:
        """The runs of all studies, the latest first; the store is made where there is none."""
        open_store(self.uri, self.output_dir)
        return find_runs(self.uri, where=f"tags.{STUDY_TAG} != ''", output_dir=self.output_dir)


@dataclass(frozen=True)
class Found:
    """A run that a study needs, and what there is of it."""

    task: Task
    state: State
    run_id: str | None = None
    other_settings: tuple[str, ...] = ()
    """What differs in the latest finished run of the same cell, where there is one under other settings only."""


def find(tasks: Sequence[Task], place: Place) -> list[Found]:
    """What MLflow holds of each task.

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
    cell: str | None

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> _Run:
        given = {str(key): value for key, value in row.items() if isinstance(value, str)}
        params = {key.removeprefix(_PARAM): value for key, value in given.items() if key.startswith(_PARAM)}
        # MLflow keeps a parameter's first value for ever; what a resumed run changed stands in a tag.
        params |= {key.removeprefix(_RESUMED): value for key, value in given.items() if key.startswith(_RESUMED)}
        return cls(
            run_id=given["run_id"],
            status=given["status"],
            seed=params.get("seed"),
            settings={key: value for key, value in params.items() if is_deciding(key)},
            study=given[f"tags.{STUDY_TAG}"],
            cell=given.get(f"tags.{CELL_TAG}"),
        )

    def is_of(self, task: Task) -> bool:
        return self.seed == str(task.seed) and not differences(task, self.settings)

    def was_made_as(self, task: Task) -> bool:
        return (self.study, self.cell, self.seed) == (task.study, task.cell.name, str(task.seed))


def differences(task: Task, settings: Mapping[str, str]) -> list[str]:
    """What a run's settings have otherwise than the task's.

    A setting that the program has got, or lost, since the run was made is no difference, unless the task's overrides
    name it: defaults keep what was before them. What the task leaves open the run has chosen.
    """
    found = [
        f"{key}={settings[key]}, now {value}"
        for key, value in task.settings.items()
        if key in settings and settings[key] != value and not (value == "None" and key in CHOSEN)
    ]
    classes = {key for key in (*settings, *task.settings) if key.endswith("._target_")}
    unknown = [key for key in dict.fromkeys((*classes, *task.set_keys)) if key not in settings and key in task.settings]
    lost = [key for key in classes if key not in task.settings]
    return found + [f"{key} was unknown" for key in unknown] + [f"{key}={settings[key]} is no more" for key in lost]


def _find(task: Task, runs: Sequence[_Run], place: Place) -> Found:
    alike = [run for run in runs if run.is_of(task)]
    for run in alike:
        if run.status == "FINISHED":
            return Found(task, State.DONE, run.run_id)
    for run in alike:
        if run.status in ("RUNNING", "KILLED") and task.cell.command == "train":
            # Only its own process knows whether a run that MLflow calls RUNNING still is.
            runs_on = run.status == "RUNNING" and not _is_dead(run.run_id, place)
            return Found(task, State.RUNNING if runs_on else State.BROKEN_OFF, run.run_id)
    former = [run for run in runs if run.status == "FINISHED" and run.was_made_as(task)]
    return Found(task, State.MISSING, other_settings=tuple(differences(task, former[0].settings)) if former else ())


def _is_dead(run_id: str, place: Place) -> bool:
    """Whether the run was recorded on this machine, and no process does so any more."""
    if not (runs_folder(place.output_dir) / run_id).is_dir():
        return False
    folder = RunFolder(place.output_dir, run_id)
    try:
        folder.open()
    except InputError:
        return False
    folder.close()
    return True
