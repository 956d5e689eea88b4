"""The place of an explanation's page: with the run, or in a file."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from tokenlayer.atomic import replace_text
from tokenlayer.errors import InputError
from tokenlayer.tracking.artifacts import add_artifact

FOLDER = "explanations"
"""Among the artifacts of a run."""


def keep_with_run(html: str, run_id: str, *, uri: str | None, output_dir: Path) -> str:
    """Add the page to the artifacts of the run, named by its content; gives its place.

    Raises:
        InputError: the run takes no artifact.

    """
    name = hashlib.sha256(html.encode()).hexdigest()[:16]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.html"
        path.write_text(html, encoding="utf-8")
        return add_artifact(run_id, path, FOLDER, uri=uri, output_dir=output_dir)


def keep_in_file(html: str, path: Path) -> None:
    """Write the page whole, over a file of that name.

    Raises:
        InputError: it cannot be written there.

    """
    try:
        replace_text(path, html)
    except OSError as error:
        raise InputError(
            f"--output {path}: cannot be written ({error.strerror}): name a file in a folder there is"
        ) from error
