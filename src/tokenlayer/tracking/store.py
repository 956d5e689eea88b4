"""The MLflow store behind a tracking URI: opened once under a lock, with its experiments."""

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.errors import InputError
from tokenlayer.redaction import redacted_uri
from tokenlayer.tracking.schema import check_schema
from tokenlayer.tracking.uri import (
    REMEDY,
    check_answers,
    dialect,
    from_environment,
    named_experiment,
    resolve_uri,
    sqlite_path,
)

LOCK_SECONDS = 120.0
_REFUSALS = ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED")
_CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
SQLITE_HEADER = b"SQLite format 3\0"


@dataclass(frozen=True)
class Store:
    """An open store.

    Attributes:
        uri: the resolved URI.
        client: MLflow's client for it.
        artifact_root: folder for the artifacts of new experiments; None: the server decides.

    """

    uri: str
    client: MlflowClient
    artifact_root: Path | None

    @property
    def shown(self) -> str:
        """The URI without user and password."""
        return redacted_uri(self.uri)

    @property
    def is_file(self) -> bool:
        """True for a SQLite store, which `exclusive` can lock."""
        return sqlite_path(self.uri) is not None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes from the same section, as far as the store is a file; any other has no such lock."""
        path = sqlite_path(self.uri)
        if path is None:
            yield
            return
        with FileLock(f"{path}.lock", timeout=LOCK_SECONDS):
            yield

    def experiment_id(self, name: str | None) -> str:
        """The id of an experiment, made when there is none.

        Args:
            name: its name; None: that of the environment, else the default.

        Raises:
            InputError: it is deleted, or cannot be made.

        """
        name = named_experiment(name)
        found = self.client.get_experiment_by_name(name)
        if found is None:
            location = None
            if self.artifact_root is not None:
                location = (self.artifact_root / (re.sub(r"[^\w.-]+", "_", name) or "_")).as_uri()
            try:
                return str(self.client.create_experiment(name, artifact_location=location))
            except MlflowException as error:
                # another process may have made it in between
                found = self.client.get_experiment_by_name(name)
                if found is None:
                    raise InputError(f"tracking.experiment={name!r}: {error.message}") from error
        if found.lifecycle_stage != "active":
            raise InputError(
                f"tracking.experiment={name!r} is deleted in {self.shown}; restore it with "
                f"`mlflow experiments restore --experiment-id {found.experiment_id}` or take another name"
            )
        return str(found.experiment_id)


def open_store(uri: str | None, output_dir: Path, *, create: bool = True) -> Store:
    """Open the store at `uri` and make sure that it answers.

    Args:
        uri: tracking URI as the user gave it; None: see `resolve_uri`.
        output_dir: the output folder; holds the default store, and the artifacts of a bare database.
        create: make a SQLite store that does not exist yet; for reading, give False.

    Raises:
        InputError: the URI is wrong, nobody answers there, or the store cannot be read.

    """
    resolved = resolve_uri(uri, output_dir)
    path = sqlite_path(resolved)
    if path is None:
        check_answers(resolved)
        root = None if dialect(resolved) in ("http", "https") else output_dir.absolute() / "artifacts"
        return Store(resolved, _checked_client(resolved), root)
    if not create and not path.is_file():
        raise InputError(f"tracking.uri={redacted_uri(resolved)}: there is no such database; {REMEDY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_database_file(path)
        # Two processes that open a new database at once break each other's schema.
        with FileLock(f"{path}.lock", timeout=LOCK_SECONDS):
            root = path.parent / "artifacts"
            if not path.exists() or path.stat().st_size == 0:
                _create_database(path, root)
            return Store(resolved, _checked_client(resolved), root)
    except OSError as error:
        raise InputError(
            f"tracking.uri={redacted_uri(resolved)}: cannot write there ({error}); name a folder that can be written to"
        ) from error


def _create_database(path: Path, artifact_root: Path) -> None:
    """Make a SQLite store elsewhere first: one that is left half made could never be opened."""
    for leftover in path.parent.glob(f"{path.name}.new-*"):
        shutil.rmtree(leftover)
    # In a folder with a new name, and not by `replacing`: MLflow keeps one engine for each path, broken or not.
    new = Path(tempfile.mkdtemp(prefix=f"{path.name}.new-", dir=path.parent)) / path.name
    # It reports every table that it makes.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    store = SqlAlchemyStore(f"sqlite:///{new.as_posix()}", artifact_root.as_uri())  # type: ignore[no-untyped-call]  # MLflow: untyped
    store.engine.dispose()
    new.replace(path)
    new.parent.rmdir()


def _check_database_file(path: Path) -> None:
    """Raise what MLflow would find out only after minutes of trying again."""
    if not path.exists() or path.stat().st_size == 0:
        return
    if not os.access(path, os.W_OK):
        raise PermissionError(f"{path} is read-only")
    with path.open("rb") as file:
        if file.read(len(SQLITE_HEADER)) != SQLITE_HEADER:
            raise InputError(f"tracking.uri: {path} is a file, but no SQLite database; {REMEDY}")


def _checked_client(uri: str) -> MlflowClient:
    is_server = dialect(uri) in ("http", "https")
    if not is_server:
        check_schema(uri)
    # It logs each error with its traceback before it raises it; what it means for the run is told by the mirror.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    # When a run ends, MLflow would print its name as it is, and the address with user and password.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    try:
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, ImportError) as error:
        if is_server and isinstance(error, MlflowException) and error.error_code in _REFUSALS:
            raise InputError(_refusal(uri)) from error
        raise InputError(f"tracking.uri={redacted_uri(uri)} is no MLflow store that works: {error}") from error
    return client


def _refusal(uri: str) -> str:
    """The message for a server that does not let this user in."""
    given = [name for name in _CREDENTIALS if from_environment(name) is not None]
    found = f"does not accept the credentials in {' and '.join(given)}" if given else "asks for credentials"
    return (
        f"tracking.uri={redacted_uri(uri)} {found}: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
        "MLFLOW_TRACKING_TOKEN, to those of a user who may record there"
    )
