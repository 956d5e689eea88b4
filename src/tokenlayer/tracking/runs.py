"""Runs in the store: made with their tags, and found by id."""

import getpass
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.errors import InputError
from tokenlayer.hints import did_you_mean, near
from tokenlayer.tracking.format import FORMAT, FORMAT_TAG, check_format
from tokenlayer.tracking.store import Store

MADE_BY_TAG = "tokenlayer.run"
_SUGGESTED = 5
_LOOKED_THROUGH = 1000


def create_run(store: Store, experiment_id: str, name: str | None, tags: Mapping[str, str]) -> str:
    """Make a run and return its id. A parent named by MLFLOW_RUN_CONTEXT (as sweeps set it) is honoured.

    Raises:
        InputError: the store does not take it, or MLFLOW_RUN_CONTEXT is no JSON object.

    """
    standard = {
        "mlflow.user": _user(),
        "mlflow.source.name": sys.argv[0] or "python",
        "mlflow.source.type": "LOCAL",
        MADE_BY_TAG: "1",
        FORMAT_TAG: str(FORMAT),
    }
    try:
        run = store.client.create_run(experiment_id, tags={**standard, **_context_tags(), **tags}, run_name=name)
    except MlflowException as error:
        raise InputError(f"tracking.uri={store.shown} takes no new run: {error.message}") from error
    return str(run.info.run_id)


def end_unstarted_run(store: Store, run_id: str) -> None:
    """Set a run to FAILED whose recording could not begin, as far as the store answers."""
    with suppress(MlflowException, RequestException, SQLAlchemyError):
        store.client.set_terminated(run_id, status="FAILED")


def known_run(store: Store, run_id: str, recorded_to: str | None = None) -> Run:
    """The run with this id.

    Args:
        store: where to look.
        run_id: its id.
        recorded_to: where local files say that the run is mirrored to.

    Raises:
        InputError: there is none; the message names runs that come near.

    """
    try:
        run = store.client.get_run(run_id)
    except MlflowException as error:
        if recorded_to is not None and recorded_to != store.shown:
            remedy = f"; it was recorded to {recorded_to}; give tracking.uri={recorded_to}"
        else:
            remedy = _hint(store, run_id)
        raise InputError(f"there is no run {run_id!r} in {store.shown}{remedy}") from error
    if run.info.lifecycle_stage != "active":
        raise InputError(
            f"run {run_id} is deleted in {store.shown}; restore it with `mlflow runs restore --run-id {run_id}`"
        )
    return run


def check_resumable(run: Run) -> None:
    """Check that a run can be continued.

    Raises:
        InputError: another program made the run, which then has no commits to continue from, or another version of
            tokenlayer did, in another format.

    """
    if MADE_BY_TAG not in run.data.tags:
        raise InputError(f"run {run.info.run_id} was not recorded by tokenlayer and cannot be resumed")
    check_format(run.data.tags.get(FORMAT_TAG), f"run {run.info.run_id}")


def _hint(store: Store, run_id: str) -> str:
    experiments = [experiment.experiment_id for experiment in store.client.search_experiments()]
    runs = store.client.search_runs(experiments, max_results=_LOOKED_THROUGH)
    if not runs:
        return "; it holds no runs yet"
    shown = {run.info.run_id: f"{run.info.run_id} ({run.info.run_name})" for run in runs}
    shown |= {run.info.run_name: shown[run.info.run_id] for run in reversed(runs)}
    close = near(run_id, shown, at_most=_SUGGESTED)
    if close:
        return did_you_mean(list(dict.fromkeys(shown[name] for name in close)))
    return "; the latest are " + ", ".join(shown[run.info.run_id] for run in runs[:_SUGGESTED])


def _context_tags() -> dict[str, str]:
    text = os.environ.get("MLFLOW_RUN_CONTEXT")
    if not text:
        return {}
    try:
        tags = json.loads(text)
    except ValueError as error:
        raise InputError(f"MLFLOW_RUN_CONTEXT={text!r} is no JSON: {error}; unset it") from error
    if not isinstance(tags, dict):
        raise InputError(f"MLFLOW_RUN_CONTEXT={text!r} is no JSON object of tags; unset it")
    return {str(name): str(value) for name, value in tags.items()}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without a name
        return "unknown"
