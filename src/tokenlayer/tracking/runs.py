"""Runs in the store: made with their tags, and found by id, by the beginning of an id, or by name."""

import getpass
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.errors import InputError
from tokenlayer.hints import did_you_mean, near, shortened
from tokenlayer.redaction import is_masked
from tokenlayer.tracking.format import FORMAT, FORMAT_TAG, check_format
from tokenlayer.tracking.names import TAG_LENGTH
from tokenlayer.tracking.store import Store
from tokenlayer.tracking.sweep_tags import KIND_TAG, PARENT_TAG
from tokenlayer.tracking.uri import SECRET_REMEDY

MADE_BY_TAG = "tokenlayer.run"
_SUGGESTED = 5
_CANDIDATES = 20
_PAGE = 1000


def create_run(store: Store, experiment_id: str, name: str | None, tags: Mapping[str, str]) -> Run:
    """Make a run. A parent named by MLFLOW_RUN_CONTEXT (as sweeps set it) is honoured.

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
        return store.client.create_run(experiment_id, tags={**standard, **_context_tags(), **tags}, run_name=name)
    except MlflowException as error:
        raise InputError(f"tracking.uri={store.shown} takes no new run: {error.message}") from error


def end_unstarted_run(store: Store, run_id: str) -> None:
    """Set a run to FAILED whose recording could not begin, as far as the store answers."""
    with suppress(MlflowException, RequestException, SQLAlchemyError):
        store.client.set_terminated(run_id, status="FAILED")


def known_run(store: Store, run_id: str, recorded_to: str | None = None) -> Run:
    """The run with exactly this id.

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
        raise _missing(store, run_id, recorded_to) from error
    if _is_deleted(run):
        raise InputError(_deleted(run, store))
    return run


def find_run(store: Store, named: str, recorded_to: str | None = None) -> Run:
    """The run that a person means: the one of this id, else the only one whose id begins so or that has this name.

    Args:
        store: where to look.
        named: an id, the beginning of one, or a run's name.
        recorded_to: where local files say that the run of this id is mirrored to.

    Raises:
        InputError: there is none, more than one, or it is deleted; the message names the candidates, or runs that
            come near.

    """
    if len(named) > TAG_LENGTH:  # more than a name can have, and than a database looks for
        raise InputError(f"{shortened(named)}: no run has a name of {len(named):,} characters")
    found = _called(store, named)
    active = [run for run in found if not _is_deleted(run)]
    if len(active) > 1:
        is_name = any(run.info.run_name == named for run in active)
        remedy = "its id instead" if is_name else "more of its id, or all of it"
        raise InputError(f"{named!r} names {len(active)} runs in {store.shown}; give {remedy}\n{_listed(active)}")
    if active:
        return active[0]
    if len(found) > 1:
        raise InputError(
            f"{named!r} names {len(found)} runs in {store.shown}, which are all deleted; restore one with "
            f"`mlflow runs restore --run-id ID`\n{_listed(found)}"
        )
    if found:
        raise InputError(_deleted(found[0], store))
    raise _missing(store, named, recorded_to)


def search_runs(store: Store, experiment_ids: list[str], where: str, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
    """All runs of some experiments that MLflow's filter `where` lets through, the latest first."""
    return [run for page in pages(store, experiment_ids, where, view) for run in page]


def pages(
    store: Store, experiment_ids: list[str], where: str, view: int = ViewType.ACTIVE_ONLY, *, size: int = _PAGE
) -> Iterator[list[Run]]:
    """The same, page by page, for whoever may stop early."""
    page = store.client.search_runs(experiment_ids, where, view, max_results=size)
    yield list(page)
    while page.token:
        page = store.client.search_runs(experiment_ids, where, view, max_results=size, page_token=page.token)
        yield list(page)


@contextmanager
def told_of_filter(store: Store, where: str) -> Iterator[None]:
    """Within: a search that fails is an `InputError` that names the filter, if there is one."""
    try:
        yield
    except MlflowException as error:
        what = f"the filter {where!r} does not work" if where else f"{store.shown} cannot be searched"
        example = "; MLflow's filters are of the form \"params.seed = '0' and metrics.`test/accuracy` > 0.8\""
        raise InputError(f"{what}: {error.message}{example if where else ''}") from error


def searchable(name: str) -> str:
    """A pattern for LIKE that `name` matches, and what comes near it: the result has to be looked at.

    In a pattern _ stands for any character, so that none of a name has to be escaped.
    """
    return re.sub(r"[^\w .:/@=+-]", "_", name)


def check_resumable(run: Run) -> None:
    """Check that a run can be continued.

    Raises:
        InputError: another program made the run, which then has no commits to continue from, or another version of
            tokenlayer did, in another format.

    """
    if KIND_TAG in run.data.tags:
        kind = run.data.tags[KIND_TAG]
        raise InputError(
            f"run {run.info.run_id} is the parent of a {kind}: give the {kind}'s own command line again, and what is "
            "left of it is run"
        )
    if MADE_BY_TAG not in run.data.tags:
        raise InputError(f"run {run.info.run_id} was not recorded by tokenlayer and cannot be resumed")
    check_format(run.data.tags.get(FORMAT_TAG), f"run {run.info.run_id}")


def _called(store: Store, named: str) -> list[Run]:
    """The run of this id, or those whose ids begin so or that have this name, deleted ones among them."""
    if named.isalnum():
        with suppress(MlflowException):
            return [store.client.get_run(named)]
    experiments = [e.experiment_id for e in store.client.search_experiments(view_type=ViewType.ALL)]

    def found(attribute: str, pattern: str) -> list[Run]:
        return search_runs(store, experiments, f"attributes.{attribute} LIKE '{pattern}'", ViewType.ALL)

    runs = {run.info.run_id: run for run in found("run_name", searchable(named)) if run.info.run_name == named}
    if named.isalnum():
        # The database may not tell upper from lower case.
        runs |= {run.info.run_id: run for run in found("run_id", f"{named}%") if run.info.run_id.startswith(named)}
    return list(runs.values())


def _missing(store: Store, named: str, recorded_to: str | None) -> InputError:
    if recorded_to is not None and recorded_to != store.shown:
        remedy = f"; it was recorded to {recorded_to}; {where_to_look(recorded_to)}"
    else:
        remedy = _hint(store, named)
    return InputError(f"there is no run {named!r} in {store.shown}{remedy}")


def _is_deleted(run: Run) -> bool:
    return bool(run.info.lifecycle_stage != "active")


def _deleted(run: Run, store: Store) -> str:
    run_id = run.info.run_id
    return f"run {run_id} is deleted in {store.shown}; restore it with `mlflow runs restore --run-id {run_id}`"


def _listed(runs: Iterable[Run]) -> str:
    """A line for each run, the latest first: id, name, status and start (UTC)."""
    latest = sorted(runs, key=lambda run: run.info.start_time, reverse=True)
    lines = [
        f"  {run.info.run_id}  {run.info.run_name}  {run.info.status}  "
        f"{datetime.fromtimestamp(run.info.start_time / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        for run in latest[:_CANDIDATES]
    ]
    if len(latest) > _CANDIDATES:
        lines.append(f"  … and {len(latest) - _CANDIDATES} earlier ones")
    return "\n".join(lines)


def where_to_look(recorded_to: str) -> str:
    """The remedy for a store that is not the one a run was recorded to, of which the run knows no password."""
    return SECRET_REMEDY if is_masked(recorded_to) else f"give tracking.uri={recorded_to}"


def _hint(store: Store, run_id: str) -> str:
    experiments = [experiment.experiment_id for experiment in store.client.search_experiments()]
    runs = store.client.search_runs(experiments, max_results=_PAGE)
    if not runs:
        return "; it holds no runs yet"
    shown = {run.info.run_id: f"{run.info.run_id} ({run.info.run_name})" for run in runs}
    shown |= {run.info.run_name: shown[run.info.run_id] for run in reversed(runs)}
    close = near(run_id, shown, at_most=_SUGGESTED)
    if close:
        return did_you_mean(list(dict.fromkeys(shown[name] for name in close)))
    # The jobs of one sweep would hide all else.
    alone = [run for run in runs if PARENT_TAG not in run.data.tags] or runs
    return "; the latest are " + ", ".join(shown[run.info.run_id] for run in alone[:_SUGGESTED])


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
