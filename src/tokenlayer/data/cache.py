"""Encoded data on disk: written whole or not at all, read back memory-mapped, mistrusted."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tokenlayer.data.types import (
    SPLITS,
    DataReport,
    EncodedSplit,
    GroundTruth,
    PreparedDataset,
)
from tokenlayer.disk_cache import load_or_make, read_sealed, write_sealed
from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet

_META = "meta.json"


def cache_root(cache_dir: str | None) -> Path:
    """The folder of `cache_dir`, $TOKENLAYER_CACHE or the user's caches, in this order; it is made if necessary.

    Raises:
        InputError: it cannot be written to.

    """
    import pooch  # noqa: PLC0415  # with requests behind it

    chosen = cache_dir or os.environ.get("TOKENLAYER_CACHE") or pooch.os_cache("tokenlayer")
    root = Path(chosen).expanduser().absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the cache folder {root} cannot be made ({error}): set dataset.cache_dir") from error
    if not os.access(root, os.W_OK):
        raise InputError(f"the cache folder {root} cannot be written to: set dataset.cache_dir to another one")
    return root


def load_or_build(path: Path, build: Callable[[Path], dict[str, Any]]) -> PreparedDataset:
    """The data cached in the folder `path`; if none are, `build` writes arrays to a folder and returns the rest.

    Files that changed since they were written are written again.
    """

    def make(directory: Path) -> None:
        directory.mkdir()
        _write_meta(directory, build(directory))

    return load_or_make(path, _load, make)


def _write_meta(directory: Path, meta: dict[str, Any]) -> None:
    checksums = {path.name: _checksum(path) for path in sorted(directory.glob("*.npy"))}
    write_sealed(directory / _META, {**meta, "checksums": checksums})


def _checksum(path: Path) -> int:
    return zlib.crc32(np.memmap(path, dtype=np.uint8, mode="r").data)


def _load(directory: Path) -> PreparedDataset | None:
    """None where nothing is there, or not what was written."""
    meta = read_sealed(directory / _META)
    try:
        is_whole = meta and all(_checksum(directory / name) == crc for name, crc in meta["checksums"].items())
    except (OSError, ValueError):  # gone, or empty
        return None
    return _prepared(directory, meta) if meta and is_whole else None


def _if_there(path: Path) -> Any:
    return np.load(path) if path.exists() else None


def _prepared(directory: Path, meta: Mapping[str, Any]) -> PreparedDataset:
    splits = {
        name: EncodedSplit(
            codes=np.load(directory / f"{name}_codes.npy", mmap_mode="r"),
            labels=np.load(directory / f"{name}_labels.npy"),
            ids=np.load(directory / f"{name}_ids.npy"),
            weights=_if_there(directory / f"{name}_weights.npy"),
        )
        for name in SPLITS
    }
    truth = meta["ground_truth"]
    return PreparedDataset(
        alphabet=Alphabet(meta["alphabet"]),
        class_names=tuple(meta["class_names"]),
        text_length=meta["text_length"],
        splits=splits,
        fingerprint=meta["fingerprint"],
        report=DataReport(**{**meta["report"], "notes": tuple(meta["report"]["notes"])}),
        ground_truth=truth
        and GroundTruth(
            {name: tuple(ngrams) for name, ngrams in truth["patterns"].items()}, tuple(truth["distractors"])
        ),
        uncut=np.load(directory / "uncut.npy", mmap_mode="r"),
        bounds=np.load(directory / "bounds.npy"),
        folder=directory,
    )
