"""The place of an explanation's page among the artifacts of its run."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

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
