"""How the model of a run is served, for the end of its training."""

from __future__ import annotations

from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.errors import InputError
from tokenlayer.tracking.commands import serve_command
from tokenlayer.tracking.remote import MODEL_TAG
from tokenlayer.tracking.store import open_store

_NO_ANSWER = (InputError, MlflowException, RequestException, SQLAlchemyError, OSError)


def serving_lines(run_id: str, uri: str | None, output_dir: Path | str) -> list[str]:
    """What the model of a run is registered as, and the command that serves it.

    Empty where MLflow has no model of the run with files to be served from, or does not answer.

    Args:
        run_id: the run.
        uri: the store's address as it was given.
        output_dir: the output folder.

    """
    try:
        client = open_store(uri, Path(output_dir), create=False).client
        model_id = client.get_run(run_id).data.tags.get(MODEL_TAG)
        if model_id is None or not client.list_logged_model_artifacts(model_id):
            return []
        registered = [f"registered as {name}" for name in _registered(client, run_id)]
    except _NO_ANSWER:
        return []
    return [*registered, f"serve it with: {serve_command(f'models:/{model_id}', uri, output_dir)}"]


def _registered(client: MlflowClient, run_id: str) -> list[str]:
    """The versions that the run's model is, in words: `films version 1 (@champion)`."""
    try:
        found = client.search_model_versions(f"run_id = '{run_id}'")
        versions = [client.get_model_version(version.name, version.version) for version in found]
    except MlflowException:  # a store without a registry
        return []
    return [
        " ".join([f"{version.name} version {version.version}", *(f"(@{alias})" for alias in version.aliases)])
        for version in versions
    ]
