"""The names and values that MLflow accepts."""

import json
import re
from collections.abc import Sequence

PARAM_LENGTH = 6000
TAG_LENGTH = 8000
LOGGED_TABLES_TAG = "mlflow.loggedArtifacts"
_NAME = re.compile(r"[\w.\- :/]{1,250}")


def check_name(name: str) -> None:
    """Raise ValueError unless MLflow takes `name` for a metric, parameter or tag."""
    parts = name.split("/")
    if not _NAME.fullmatch(name) or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            f"MLflow does not take the name {name!r}: letters, digits and _ - . : / and spaces, 250 at most"
        )


def cut(text: str, limit: int) -> str:
    """`text`, or its beginning and how long it is in all."""
    if len(text) <= limit:
        return text
    note = f" … ({len(text)} characters in all)"
    return text[: limit - len(note)] + note


def logged_tables(paths: Sequence[str]) -> str:
    """The value of the tag that lists for MLflow's UI which artifacts are tables.

    Within the length of a tag: the oldest fall out and are shown as plain JSON.

    Args:
        paths: artifact paths, in the order in which they were written; the last of equal ones counts.

    """
    entries: list[str] = []
    length = len("[]")
    for path in dict.fromkeys(reversed(paths)):
        entry = json.dumps({"path": path, "type": "table"})
        length += len(entry) + len(", ")
        if length > TAG_LENGTH:
            break
        entries.append(entry)
    return f"[{', '.join(reversed(entries))}]"
