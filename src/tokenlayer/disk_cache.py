"""Results that are computed once and kept on disk: made under a lock, written whole, and mistrusted when it is read."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from tokenlayer.atomic import replacing
from tokenlayer.errors import InputError

T = TypeVar("T")


def load_or_make(path: Path, load: Callable[[Path], T | None], make: Callable[[Path], object]) -> T:
    """Return what `load` reads from `path`, after `make` has written it if necessary.

    Processes that want the same at once wait for the first. What a killed one leaves is never taken for the whole.

    Args:
        path: the file or folder.
        load: reads it; None where there is nothing, or where it is not what was written: then it is made again.
        make: writes it to the path that it is given.

    Raises:
        InputError: what has just been written cannot be read.

    """
    path.parent.mkdir(exist_ok=True)
    with FileLock(f"{path}.lock"):
        known = load(path)
        if known is None:
            with replacing(path) as unfinished:
                make(unfinished)
            known = load(path)
    if known is None:
        raise InputError(f"the folder {path.parent} does not keep what is written to it: set dataset.cache_dir")
    return known
