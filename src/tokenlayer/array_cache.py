"""Arrays that are computed from the training texts, kept beside them on disk: the same for every run on them."""

from __future__ import annotations

import hashlib
import json
import struct
import tokenize
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from tokenlayer.disk_cache import load_or_make

Arrays = Mapping[str, npt.NDArray[Any]]

# What zipfile and NumPy raise on bytes that are no longer those that were written, wherever they differ.
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    BadZipFile,
    KeyError,
    TypeError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    struct.error,
    tokenize.TokenError,
    SyntaxError,
    zlib.error,
)


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
    with path.open("wb") as file:  # to a path that ends otherwise, NumPy adds .npz
        np.savez(file, allow_pickle=False, **arrays)


def _load(path: Path) -> Arrays | None:
    """None where nothing is there, or no longer whole: a zip archive has checksums."""
    try:
        with np.load(path) as stored:
            return dict(stored)
    except _DAMAGED:
        return None
