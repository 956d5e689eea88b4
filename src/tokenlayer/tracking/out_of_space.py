"""A full disk, as the user is told of it."""

import shutil
import tempfile
from pathlib import Path

from tokenlayer.errors import RunStoppedError, is_out_of_space


def raise_if_out_of_space(error: BaseException, run_id: str, root: Path) -> None:
    """Raise `RunStoppedError` in the place of an error for want of space in a run's folder `root`, or elsewhere."""
    if not is_out_of_space(error):
        return
    # A checkpoint is written to the folder of temporary files first, and then moved: from `filename` to `filename2`.
    named = getattr(error, "filename2", None) or getattr(error, "filename", None)
    folders = (root, Path(tempfile.gettempdir()))
    place = named or min(folders, key=lambda folder: shutil.disk_usage(folder).free)
    raise RunStoppedError(
        f"no space is left to write to {place} ({error}): make room there, then resume run {run_id}"
    ) from error
