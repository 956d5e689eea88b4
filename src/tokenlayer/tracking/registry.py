"""The model of a run as a version of a registered model of MLflow, with an alias."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from mlflow.entities import LoggedModel
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

ALIAS_TAG = "tokenlayer.alias"
"""On a version: the alias that it was given, so that it is not taken back from a later run."""
# The store or the network is at fault, and may do it later.
_MAY_PASS = (
    "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "DEADLINE_EXCEEDED",
    "RESOURCE_LIMIT_EXCEEDED",
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registration:
    """What a model is registered as."""

    name: str
    alias: str | None


def register(client: MlflowClient, model: LoggedModel, run_id: str, wanted: Registration) -> None:
    """Make the model of a run a version of a registered one, and give it the alias; doing it twice changes nothing.

    A store that has no registry, or takes no such model, is a warning: the run is recorded all the same.
    """
    try:
        _register(client, model, run_id, wanted)
    except MlflowException as error:
        if error.error_code in _MAY_PASS:
            raise
        _log.warning("the model is not registered as %s: %s", wanted.name, error.message)


def _register(client: MlflowClient, model: LoggedModel, run_id: str, wanted: Registration) -> None:
    version = _version_of(client, wanted.name, run_id)
    if version is None:
        _make_name(client, wanted.name)
        # Not models:/<id>, which MLflow looks up in the store of the environment, whatever that of the client.
        source = str(model.artifact_location)
        version = client.create_model_version(
            wanted.name, source, run_id, model_id=str(model.model_id), await_creation_for=0
        )
    _link(client, str(model.model_id), version)
    if wanted.alias is not None and version.tags.get(ALIAS_TAG) != wanted.alias:
        client.set_registered_model_alias(wanted.name, wanted.alias, version.version)
        client.set_model_version_tag(wanted.name, version.version, ALIAS_TAG, wanted.alias)


def _version_of(client: MlflowClient, name: str, run_id: str) -> ModelVersion | None:
    found = client.search_model_versions(f"run_id = '{run_id}'")
    return next((version for version in found if version.name == name), None)


def _link(client: MlflowClient, model_id: str, version: ModelVersion) -> None:
    """Name the version among those of the model, as a server does by itself; by this MLflow's pages know of it."""
    model = client.get_logged_model(model_id)
    named = json.loads(model.tags.get(MLFLOW_MODEL_VERSIONS, "[]"))
    if all((one["name"], str(one["version"])) != (version.name, str(version.version)) for one in named):
        named.append({"name": version.name, "version": version.version})
        client.set_logged_model_tags(model_id, {MLFLOW_MODEL_VERSIONS: json.dumps(named)})


def _make_name(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
