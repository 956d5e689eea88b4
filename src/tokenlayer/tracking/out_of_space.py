"""A full disk, as the user is told of it."""

import shutil
import tempfile
from pathlib import Path

from tokenlayer.errors import RunStoppedError, is_out_of_space


def raise_if_out_of_space(error: BaseException, run_id: str, root: Path) -> None:
    """Raise `RunStoppedError` in the place of an error for want of space in a run's folder `root`, or elsewhere."""
    if not is_out_of_space(error):
        return
    # Checkpoints are written to the folder of temporary files first, by a library that does not say so.
    folders = (root, Path(tempfile.gettempdir()))
    place = getattr(error, "filename", None) or min(folders, key=lambda folder: shutil.disk_usage(folder).free)
    raise RunStoppedError(
        f"no space is left to write to {place} ({error}): make room there, then resume run {run_id}"
    ) from error
