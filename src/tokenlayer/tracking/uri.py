"""Tracking URIs: which ones can work, made absolute, and whether someone answers there.

Imports no MLflow, so that a wrong URI is reported at once.
"""

import os
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tokenlayer.errors import InputError
from tokenlayer.redaction import MASK, is_masked, redacted, redacted_uri

DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
ENVIRONMENT = "MLFLOW_TRACKING_URI"
EXPERIMENT_ENVIRONMENT = "MLFLOW_EXPERIMENT_NAME"
_TAKE_A_TIMEOUT = ("postgresql", "mysql")  # of their drivers' arguments `connect_timeout` is one
LOCAL = "local"
"""In the place of an address: the database of the output folder, whatever the environment says."""
DEFAULT_EXPERIMENT = "tokenlayer"
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
REFUSALS = (401, 403)
GATEWAY_ERRORS = (502, 503, 504)
REMEDY = "give sqlite:////absolute/path.db or http://server:port, or leave tracking.uri out"
SECRET_REMEDY = "give the whole address, best as tracking=server with MLFLOW_TRACKING_URI set to it"
ENCODING = "characters in user or password that have to be percent-encoded (/ as %2F, @ as %40, # as %23)"


def default_uri(output_dir: Path) -> str:
    """The SQLite store that runs of this output folder share."""
    return f"sqlite:///{(output_dir.absolute() / 'mlflow.db').as_posix()}"


def dialect(uri: str) -> str:
    """The URI's scheme without its driver: `postgresql+psycopg2://…` gives `postgresql`."""
    return uri.partition(":")[0].split("+")[0].lower()  # urlsplit would refuse some passwords


def check_uri(uri: str) -> None:
    """Raise InputError unless `uri` is one that can be tracked to; looks at the text only."""
    scheme, named = dialect(uri) if "://" in uri or uri.startswith("file:") else "", f"tracking.uri={shown(uri)}"
    if scheme in ("", "file"):
        raise InputError(
            f"{named} names a folder or nothing MLflow knows; MLflow keeps no runs in folders any more: {REMEDY}"
        )
    if is_masked(uri):
        raise InputError(f"{named} has {MASK} in the place of a secret, which no run records: {SECRET_REMEDY}")
    if scheme == "sqlite":
        if not re.fullmatch(r"sqlite(\+\w+)?:///.+", uri) or uri.endswith((":memory:", "/")):
            raise InputError(f"{named} names no database file: {REMEDY}")
    elif scheme in ("http", "https", *DATABASE_PORTS):
        _check_server(uri, scheme, named)
    else:
        raise InputError(f"{named}: the scheme {scheme!r} is not supported; {REMEDY}")


def shown(uri: str) -> str:
    """The URI without secrets, in quotes, for messages."""
    return repr(redacted_uri(uri))


def _check_server(uri: str, scheme: str, named: str) -> None:
    """Raise InputError unless MLflow and we find the same server in the address, and the same password."""
    try:  # without its error, which repeats a part of the password
        host, _ = urlsplit(uri).hostname, urlsplit(uri).port
    except ValueError:
        raise InputError(f"{named} has no port that is a number between 0 and 65535, or {ENCODING}; {REMEDY}") from None
    if scheme in ("http", "https") and not host:
        raise InputError(f"{named} names no server: {REMEDY}")
    # What may be a password is masked up to the last @. SQLAlchemy reads passwords up to the first.
    is_ambiguous = urlsplit(redacted_uri(uri)).hostname != host or (scheme in DATABASE_PORTS and uri.count("@") > 1)
    if is_ambiguous:
        raise InputError(f"{named} has {ENCODING}")


def environment_uri() -> str:
    """The address in `MLFLOW_TRACKING_URI`, which `tracking=server` stands for. Raises `InputError` without one."""
    uri = from_environment(ENVIRONMENT)
    if uri is None:
        raise InputError(f"tracking=server: set {ENVIRONMENT} to the address of the server, or give tracking.uri")
    return uri


def from_environment(variable: str) -> str | None:
    """The value of one of MLflow's variables; None where it is not set, or empty, as MLflow takes it."""
    return os.environ.get(variable, "").strip() or None


def named_uri(uri: str | None) -> str | None:
    """The address that is given, else that of the environment; None for the database of the output folder."""
    if uri == LOCAL:
        return None
    return from_environment(ENVIRONMENT) if uri is None else uri


def check_environment_uri(address: str) -> None:
    """Raise InputError, which names the variable, unless the environment's address is one that can be tracked to."""
    try:
        check_uri(address)
    except InputError as error:
        told = str(error).removeprefix("tracking.uri=")
        raise InputError(f"{ENVIRONMENT}={told}; or unset it, or give tracking=local") from error


def named_experiment(experiment: str | None) -> str:
    """The experiment that is given, else that of the environment, else the default."""
    return experiment or from_environment(EXPERIMENT_ENVIRONMENT) or DEFAULT_EXPERIMENT


def resolve_uri(uri: str | None, output_dir: Path) -> str:
    """The URI to use, SQLite paths absolute (against the working directory).

    Args:
        uri: as given; None: that of the environment, else the default of the output folder; `local`: the latter.
        output_dir: holds the default store.

    Raises:
        InputError: the URI cannot be tracked to.

    """
    address = named_uri(uri)
    if address is None:
        return default_uri(output_dir)
    if uri is None:
        check_environment_uri(address)
    else:
        check_uri(address)
    if dialect(address) != "sqlite":
        return address.rstrip("/")
    prefix, path = address.split(":///", 1)
    return f"{prefix}:///{Path(path).expanduser().absolute().as_posix()}"


def sqlite_path(uri: str) -> Path | None:
    """The database file of a resolved SQLite URI; None for other stores."""
    return Path(uri.split(":///", 1)[1]) if dialect(uri) == "sqlite" else None


def check_answers(resolved: str) -> None:
    """Raise InputError, within seconds, unless someone answers at a resolved URI."""
    reason = why_away(resolved)
    if reason is not None:
        raise InputError(
            f"tracking.uri={redacted_uri(resolved)} does not answer ({reason}); start the server, "
            "fix the address, or record locally with tracking=local"
        )


def why_away(uri: str) -> str | None:
    """Ask within seconds whether someone answers at `uri`; None if so, else the reason why not.

    MLflow's own client would try for minutes before it gave up.
    """
    scheme = dialect(uri)
    if scheme == "sqlite":
        return None
    if scheme in ("http", "https"):
        return _why_http_away(uri)
    parts = urlsplit(uri)
    if not parts.hostname:  # a local socket: its answer comes at once either way
        return None
    try:
        address = (parts.hostname, parts.port or DATABASE_PORTS[scheme])
        socket.create_connection(address, timeout=CONNECT_SECONDS).close()
    except OSError as error:
        return str(error)
    return _why_silent(uri) if scheme in _TAKE_A_TIMEOUT else None


def _why_silent(uri: str) -> str | None:
    """The reason why a database that can be reached lets nobody in: one that hangs answers no client, for ever."""
    # SQLAlchemy takes half a second to import, and most stores are none of these.
    from sqlalchemy import create_engine  # noqa: PLC0415  # see above
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError  # noqa: PLC0415  # likewise
    from sqlalchemy.pool import NullPool  # noqa: PLC0415  # likewise

    try:
        engine = create_engine(uri, poolclass=NullPool, connect_args={"connect_timeout": int(ANSWER_SECONDS)})
        engine.connect().close()
    except (ImportError, NoSuchModuleError):  # no driver: MLflow says which
        return None
    except SQLAlchemyError as error:
        return redacted(str(getattr(error, "orig", None) or error)).splitlines()[0]
    return None


def _why_http_away(uri: str) -> str | None:
    try:
        answer = requests.get(f"{uri}/health", timeout=(CONNECT_SECONDS, ANSWER_SECONDS))
    except requests.Timeout:
        return f"no answer within {ANSWER_SECONDS:g} s"
    except requests.ConnectionError:
        return "connection refused or host unknown"
    except requests.RequestException as error:
        return str(error)
    if answer.status_code in REFUSALS:  # someone answers; MLflow's client has the credentials, this request has none
        return None
    if "text/html" in answer.headers.get("Content-Type", "") and answer.text.lstrip().startswith("<"):
        return "a web page answers, as a proxy's does that asks to sign in"
    return f"HTTP status {answer.status_code}" if answer.status_code in GATEWAY_ERRORS else None
