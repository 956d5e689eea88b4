"""Results that are computed once and kept on disk: made under a lock, written whole, and mistrusted when it is read."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from tokenlayer.atomic import replacing
from tokenlayer.errors import InputError, is_out_of_space

T = TypeVar("T")

_log = logging.getLogger(__name__)


def load_or_make(path: Path, load: Callable[[Path], T | None], make: Callable[[Path], object]) -> T:
    """Return what `load` reads from `path`, after `make` has written it if necessary.

    Processes that want the same at once wait for the first. What a killed one leaves is never taken for the whole.

    Args:
        path: the file or folder.
        load: reads it; None where there is nothing, or where it is not what was written: then it is made again.
        make: writes it to the path that it is given.

    Raises:
        InputError: the folder is full, or what has just been written cannot be read.

    """
    try:
        path.parent.mkdir(exist_ok=True)
        with FileLock(f"{path}.lock"):
            known = load(path)
            if known is None:
                if path.exists():
                    _log.warning("%s is damaged, and is made again", path)
                with replacing(path) as unfinished:
                    make(unfinished)
                known = load(path)
    except OSError as error:
        if not is_out_of_space(error):
            raise
        raise InputError(
            f"no space is left in the cache folder {path.parent} ({error}): make room there, or set dataset.cache_dir"
        ) from error
    if known is None:
        raise InputError(f"the folder {path.parent} does not keep what is written to it: set dataset.cache_dir")
    return known


def write_sealed(path: Path, content: dict[str, Any]) -> None:
    """Write plain data as JSON with a digest of itself."""
    path.write_text(json.dumps({**content, "digest": _digest(content)}, indent=1), encoding="utf-8")


def read_sealed(path: Path) -> dict[str, Any] | None:
    """What `write_sealed` wrote; None where nothing is there, or anything else."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content if content.pop("digest") == _digest(content) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _digest(content: dict[str, Any]) -> str:
    # As it will be read back: JSON makes tuples lists, and names strings.
    text = json.dumps(json.loads(json.dumps(content)), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()
