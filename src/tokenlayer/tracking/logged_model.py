"""The checkpoint that a run was tested with as MLflow's logged model, with its figures, linked to run and dataset.

It is described by an artifact, `model/logged_model.json`, and so part of a commit; with that commit the mirror makes
the model, or brings it up to date: a run has one, whose id is a tag of the run. Its files, which are recorded with the
description, go to the place that MLflow has for those of the model: of the weights what a prediction needs, where the
run's checkpoint, which a tag of the model names, has all that a training goes on from.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric, Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tokenlayer.tracking.folder import digest, is_file_of
from tokenlayer.tracking.model_files import FILES
from tokenlayer.tracking.registry import Registration, register
from tokenlayer.tracking.remote import MODEL_TAG, RemoteRun

if TYPE_CHECKING:
    from tokenlayer.tracking.recorder import Recorder

MODEL = "model/logged_model.json"
"""Artifact path of the description."""
CHECKPOINT_TAG = "tokenlayer.checkpoint"
"""On a model: the address of its checkpoint among the artifacts of its run."""
STEP_TAG = "tokenlayer.step"
"""On a model: optimizer steps done at its checkpoint."""
_MODEL_TYPE = "tokenlayer"
_METRICS_PER_REQUEST = 500
_NOT_FOUND = ("ENDPOINT_NOT_FOUND", "RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelDescription:
    """A model as MLflow lists it."""

    name: str
    checkpoint: str
    """Artifact path of its checkpoint."""
    step: int
    """Optimizer steps done at the checkpoint."""
    params: Mapping[str, str]
    metrics: Sequence[tuple[str, float, int, int]]
    """Key, value, timestamp (ms since 1970) and step, as the run has recorded them."""
    dataset: tuple[str, str]
    """Name and digest of the dataset that the metrics were measured on."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The digests of its files, by artifact path of the run; none where it cannot be served."""
    registration: Registration | None = None
    """What it is registered as."""


def model_name(run_name: str) -> str:
    """The name of a run with what MLflow takes in a model's."""
    return re.sub(r"[/:.%\"'\s]+", "_", run_name).strip("_") or _MODEL_TYPE


def record_model(recorder: Recorder, description: ModelDescription, made: Path | None = None) -> None:
    """Record the model of a run; one that is recorded already changes nothing.

    Args:
        recorder: the run's.
        description: the model, without its files.
        made: the folder of its files, which are taken from there; None: it has none.

    """
    files = {} if made is None else _recorded_files(recorder, made)
    described = asdict(replace(description, files=files))
    recorder.write_texts({MODEL: json.dumps(described, indent=2, ensure_ascii=False) + "\n"})


def _recorded_files(recorder: Recorder, made: Path) -> Mapping[str, str]:
    """The digests of the files by artifact path; those that are recorded as they are stay."""
    paths = {FILES + path.relative_to(made).as_posix(): path for path in sorted(made.rglob("*")) if path.is_file()}
    files = {name: digest(path) for name, path in paths.items()}
    kept = recorder.directory / MODEL
    old = _read(kept).files if kept.is_file() else {}
    for name, path in paths.items():
        if files[name] != old.get(name) or not is_file_of(recorder.directory / name, files[name]):
            shutil.move(path, recorder.artifact(name))
    return files


def _read(path: Path) -> ModelDescription:
    found = json.loads(path.read_text(encoding="utf-8"))
    registration = found.pop("registration", None)
    return ModelDescription(**found, registration=registration and Registration(**registration))


def send_model(remote: RemoteRun, artifacts: Path) -> None:
    """Make the described model one of MLflow's, or bring it up to date; doing it twice changes nothing.

    A server without logged models, as those before MLflow 3, has none; neither has a run whose model was deleted.

    Args:
        remote: the run.
        artifacts: the local folder of the run's artifacts, with the description and the model's files.

    Raises:
        NotKeptError: a file is not there after it was sent.

    """
    description = _read(artifacts / MODEL)
    client = remote.client
    try:
        run = client.get_run(remote.run_id)
        model = _made(client, run, description)
    except MlflowException as error:
        if error.error_code not in _NOT_FOUND:
            raise
        _log.warning("MLflow has no model of this run: %s", error.message)
        return
    remote.send_all(artifacts, description.files)
    if model.status != LoggedModelStatus.READY:
        client.finalize_logged_model(str(model.model_id), "READY")
    if description.registration is not None:
        register(client, model, remote.run_id, description.registration)


def _made(client: MlflowClient, run: Run, description: ModelDescription) -> LoggedModel:
    """MLflow's model of the run with its tags and figures."""
    run_id = str(run.info.run_id)
    model = _model_of(client, run) or client.create_logged_model(
        str(run.info.experiment_id),
        description.name,
        source_run_id=run_id,
        params=dict(description.params),
        model_type=_MODEL_TYPE,
    )
    model_id = str(model.model_id)
    client.set_tag(run_id, MODEL_TAG, model_id)
    checkpoint = f"runs:/{run_id}/{description.checkpoint}"
    client.set_logged_model_tags(model_id, {CHECKPOINT_TAG: checkpoint, STEP_TAG: str(description.step)})
    name, digest = description.dataset
    metrics = [Metric(*row, model_id=model_id, dataset_name=name, dataset_digest=digest) for row in description.metrics]
    for first in range(0, len(metrics), _METRICS_PER_REQUEST):
        client.log_batch(run_id, metrics=metrics[first : first + _METRICS_PER_REQUEST])
    if all(output.model_id != model_id for output in (run.outputs.model_outputs if run.outputs else [])):
        client.log_outputs(run_id, [LoggedModelOutput(model_id, description.step)])
    return model


def _model_of(client: MlflowClient, run: Run) -> LoggedModel | None:
    """The model of a run, which may have been made just before the process was killed that was about to note it."""
    noted = run.data.tags.get(MODEL_TAG)
    if noted is not None:
        return client.get_logged_model(noted)
    where = f"source_run_id = '{run.info.run_id}'"
    found = client.search_logged_models([run.info.experiment_id], where)
    return next((model for model in found if model.model_type == _MODEL_TYPE), None)
