"""Adding an artifact to a run that has ended."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow.exceptions import MlflowException

from tokenlayer.errors import InputError
from tokenlayer.redaction import redacted_uri
from tokenlayer.tracking.runs import known_run
from tokenlayer.tracking.store import open_store
from tokenlayer.tracking.ui_view import run_path


def add_artifact(run_id: str, path: Path, folder: str, *, uri: str | None, output_dir: Path) -> str:
    """Copy the file `path` into a folder of the run's artifacts, over one of its name.

    Args:
        run_id: the run.
        path: the file.
        folder: artifact path, e.g. `explanations`.
        uri: tracking URI; None: the default store of `output_dir`.
        output_dir: holds the default store.

    Returns:
        Where it is: a path where the artifacts lie on this machine; the address of MLflow's page for it where the
        store is a server; else its URI. Users and passwords are masked.

    Raises:
        InputError: no such store or run, or its artifacts cannot be written.

    """
    store = open_store(uri, output_dir, create=False)
    run = known_run(store, run_id)
    try:
        store.client.log_artifact(run_id, str(path), folder)
    except (MlflowException, OSError) as error:
        raise InputError(f"run {run_id} takes no artifact: {error}") from error
    name = f"{folder}/{path.name}"
    place = urlsplit(str(run.info.artifact_uri))
    if place.scheme in ("", "file"):
        return str(Path(unquote(place.path)) / name)
    if urlsplit(store.uri).scheme in ("http", "https"):
        return f"{store.shown}/{run_path(run.info.experiment_id, run_id, f'artifacts/{name}')}"
    return redacted_uri(f"{run.info.artifact_uri}/{name}")
