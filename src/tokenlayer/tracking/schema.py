"""Databases that the installed MLflow cannot use are recognised before MLflow opens them.

MLflow adds its tables to whatever database it is given, and brings one of an older MLflow up to date without asking.
"""

import shlex
from functools import cache

import sqlalchemy
from mlflow.store.db import utils
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.errors import InputError
from tokenlayer.redaction import redacted_uri
from tokenlayer.tracking.uri import ENVIRONMENT, REMEDY

_TABLE = "experiments"


def check_schema(uri: str) -> None:
    """Look at a database, and change nothing in it.

    Raises:
        InputError: it is of another version of MLflow, or of another program.

    """
    try:
        engine = sqlalchemy.create_engine(uri)
        try:
            tables = sqlalchemy.inspect(engine).get_table_names()
            found = utils._get_schema_version(engine) if tables else None  # type: ignore[no-untyped-call]  # MLflow: untyped
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError):  # told by MLflow's own client in its words
        return
    named = f"tracking.uri={redacted_uri(uri)}"
    if not tables:
        return
    if _TABLE not in tables:
        raise InputError(
            f"{named}: the database holds tables of another program, to which MLflow would add its own: {REMEDY}"
        )
    if found != _expected():
        address = shlex.quote(uri) if redacted_uri(uri) == uri else f'"${ENVIRONMENT}"'  # set to the address, that is
        raise InputError(
            f"{named}: the database is of another version of MLflow (schema {found}, and the one installed here uses "
            f"{_expected()}); nothing was changed. If it is of an older one, make a backup and run: mlflow db upgrade "
            f"{address} – if of a newer one, install that: pip install --upgrade mlflow"
        )


@cache
def _expected() -> str:
    return str(utils._get_latest_schema_revision())  # type: ignore[no-untyped-call]  # MLflow: untyped
