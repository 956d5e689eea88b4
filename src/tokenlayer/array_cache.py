"""Arrays that are computed from the training texts, kept beside them on disk: the same for every run on them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tokenlayer.disk_cache import load_or_make

Arrays = Mapping[str, npt.NDArray[Any]]

_DIGEST_BYTES = 32


def cached_arrays(folder: Path | None, name: str, settings: object, make: Callable[[], Arrays]) -> Arrays:
    """Return what `make` returns, or returned when it was last called with the same settings.

    Processes that want the same at once wait for the first. A file that is no longer whole is made again.

    Args:
        folder: that of the texts (`TrainingTexts.folder`); None: nothing is kept.
        name: the kind of arrays.
        settings: all that they depend on besides the texts, as plain data.
        make: computes them.

    """
    if folder is None:
        return make()
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    path = folder / f"{name}-{key}.npz"
    return load_or_make(path, _load, lambda unfinished: _write(unfinished, make()))


def _write(path: Path, arrays: Arrays) -> None:
    """An archive of NumPy's with a digest behind it, which readers of such archives do not mind."""
    with path.open("w+b") as file:  # to a path that ends otherwise, NumPy adds .npz
        np.savez(file, allow_pickle=False, **arrays)
        digest = _digest(file, file.seek(0, os.SEEK_END))
        file.seek(0, os.SEEK_END)
        file.write(digest)


def _load(path: Path) -> Arrays | None:
    """None where nothing is there, or not what was written: an archive's own checksums do not cover its names."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END) - _DIGEST_BYTES
            if size < 0 or _digest(file, size) != file.read():
                return None
        with np.load(path) as stored:
            return dict(stored)
    except OSError:
        return None


def _digest(file: IO[bytes], size: int) -> bytes:
    """BLAKE2b of the first `size` bytes; the file stands behind them afterwards."""
    found = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    file.seek(0)
    while size:
        piece = file.read(min(size, 2**20))
        found.update(piece)
        size -= len(piece)
    return found.digest()
