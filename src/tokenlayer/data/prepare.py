"""Texts → codes: split, clean, count the alphabet, encode once, keep on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tokenlayer.data.cache import cache_root, load_or_build
from tokenlayer.data.config import NO_BEARING_ON_TEXTS, DatasetConfig
from tokenlayer.data.profile import TextProfile
from tokenlayer.data.report import report_on
from tokenlayer.data.settling import Plan, settle
from tokenlayer.data.splits import Indices, all_as_test, content_ids, split, split_to_train
from tokenlayer.data.types import PreparedDataset, RawDataset, SplitName
from tokenlayer.disk_cache import load_or_make, read_sealed, write_sealed
from tokenlayer.errors import InputError
from tokenlayer.progress import tracked
from tokenlayer.text.alphabet import Alphabet, Codes
from tokenlayer.text.cleaning import clean
from tokenlayer.text.encoding import encode_texts

# Parts of the caches' keys: to be raised when the same source and settings come to give something else.
_FORMAT = 5
_PROFILE_FORMAT = 2

Config = TypeVar("Config", bound=DatasetConfig)


def prepare(config: DatasetConfig, known_classes: Sequence[str] = ()) -> PreparedDataset:
    """Encoded data for a configuration: from the cache where source and settings are known, else made and kept.

    Args:
        config: the dataset. What it leaves open is chosen from the training texts (`settled`).
        known_classes: of a trained model that is to score the texts. These need not be fit to train on then: they
            may be few, or of one class; too few to be split, they are all test texts.

    Raises:
        InputError: settings that make no sense; a source that is missing, malformed or not fit to train on.

    """
    config.check()
    return _prepared(settled(config), known_classes, lambda: _CleanTexts.of(config, known_classes))


def profile(config: DatasetConfig) -> TextProfile:
    """The profile of the training texts of a dataset, from the cache where they are known.

    Where they are not, they have to be read and cleaned, which for large data takes longer than all else here: they
    are encoded for `prepare`, too, while they are at hand.

    Raises:
        InputError: a source that is missing, malformed or not fit to train on.

    """
    asked = config.cache_settings()
    for name in ("text_length", "alphabet"):
        del asked[name]
    path = _cached(config, "profiles", {"format": _PROFILE_FORMAT, "source": config.source_key(), **asked})

    def make(unfinished: Path) -> None:
        texts = _CleanTexts.of(config, ())
        found = TextProfile.of(texts.cleaned[: len(texts.splits["train"])])
        write_sealed(unfinished, asdict(found))
        _prepared(settle(config, found, Plan())[0], (), lambda: texts)

    return load_or_make(path.with_suffix(".json"), _load_profile, make)


def settled(config: Config) -> Config:
    """The dataset with nothing open that its encoded texts depend on, chosen from its training texts."""
    if set(config.left_open()) <= NO_BEARING_ON_TEXTS:
        return config
    return settle(config, profile(config), Plan())[0]


def _load_profile(path: Path) -> TextProfile | None:
    known = read_sealed(path)
    if known is None:
        return None
    return TextProfile(known["n_texts"], tuple(known["lengths"]), tuple(known["counts"]))


def _cached(config: DatasetConfig, kind: str, settings: Mapping[str, Any]) -> Path:
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]
    return cache_root(config.cache_dir) / kind / key


@dataclass
class _CleanTexts:
    """The texts of a source, split and cleaned."""

    raw: RawDataset
    """What the source says of them; the texts themselves are taken out."""
    ids: npt.NDArray[np.str_]
    """(n,): hashes of the texts as they were read."""
    splits: Mapping[SplitName, Indices]
    """Indices into `raw` and `ids`."""
    cleaned: list[str]
    """The cleaned texts in the order of `splits`: the training texts first."""

    @classmethod
    def of(cls, config: DatasetConfig, known_classes: Sequence[str]) -> _CleanTexts:
        """Read and clean the texts of a configuration."""
        raw = config.load_to_score(known_classes) if known_classes else config.load()
        ids = content_ids(raw.texts)
        if known_classes:
            splits = _split_if_possible(raw, ids, config)
        else:
            splits = split_to_train(raw, ids, config.split_seed, config.n_train)
        order = tracked(chain(*splits.values()), "cleaning texts", sum(map(len, splits.values())))
        cleaned = [clean(raw.texts[i], config.cleaning) for i in order]
        raw.texts.clear()  # the uncleaned texts are half of the memory
        return cls(raw, ids, splits, cleaned)


def _prepared(config: DatasetConfig, known_classes: Sequence[str], read: Callable[[], _CleanTexts]) -> PreparedDataset:
    settings = {"format": _FORMAT, "source": config.source_key(), **config.cache_settings()}
    if known_classes:
        settings["known_classes"] = list(known_classes)
    path = _cached(config, "prepared", settings)
    return load_or_build(path, lambda directory: _build(config, known_classes, read(), directory))


def _build(config: DatasetConfig, known_classes: Sequence[str], read: _CleanTexts, directory: Path) -> dict[str, Any]:
    text_length = config.text_length
    assert text_length is not None, "settled"
    raw, ids, splits = read.raw, read.ids, read.splits
    alphabet = _alphabet(config, read.cleaned, len(splits["train"]), raw.place)
    texts = tracked(read.cleaned, "encoding texts", len(read.cleaned))
    codes, lengths = encode_texts(texts, alphabet, keep_alphabet=config.cleaning.keep_alphabet)
    read.cleaned.clear()  # another half
    if not (lengths if known_classes else lengths[: len(splits["train"])]).any():
        raise InputError(
            f"{raw.place}: no {'' if known_classes else 'training '}text holds a character of the alphabet "
            f"{alphabet.chars!r} after cleaning: check dataset.text_column, dataset.cleaning and dataset.alphabet"
        )
    rows = _Rows(codes, lengths)
    rows.write_uncut(directory, space=int(alphabet.encode(" ")[0]))
    digest = hashlib.sha256(json.dumps([alphabet.chars, raw.class_names, text_length]).encode())
    first = 0
    for name, indices in splits.items():
        cut = rows.write_cut(directory / f"{name}_codes.npy", first, len(indices), text_length, alphabet)
        np.save(directory / f"{name}_labels.npy", raw.labels[indices])
        np.save(directory / f"{name}_ids.npy", ids[indices])
        if raw.weights is not None:
            np.save(directory / f"{name}_weights.npy", raw.weights[indices])
        digest.update(raw.labels[indices].astype("<i8").tobytes())
        digest.update(cut.astype(cut.dtype.newbyteorder("<"), copy=False).data)
        first += len(indices)
    report = report_on(raw, splits, ids, lengths, text_length)
    return {
        "alphabet": alphabet.chars,
        "class_names": raw.class_names,
        "text_length": text_length,
        "fingerprint": digest.hexdigest(),
        "report": asdict(report),
        "ground_truth": raw.ground_truth and asdict(raw.ground_truth),
    }


def _split_if_possible(
    raw: RawDataset, ids: npt.NDArray[np.str_], config: DatasetConfig
) -> Mapping[SplitName, Indices]:
    # As in training where it can be, for a dataset that a model was trained on to have the same fingerprint.
    try:
        return split(raw, ids, config.split_seed, config.n_train)
    except InputError:
        return all_as_test(ids, raw.labels)


def _alphabet(config: DatasetConfig, texts: list[str], n_train: int, place: str) -> Alphabet:
    if config.alphabet.characters is not None:
        return Alphabet(config.alphabet.characters)
    counted = texts if config.alphabet.scope == "all" else texts[:n_train]
    assert config.alphabet.size is not None, "settled"
    try:
        return Alphabet.most_common(counted, config.alphabet.size)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


class _Rows:
    """Texts of different lengths, encoded one behind the other."""

    def __init__(self, codes: Codes, lengths: npt.NDArray[np.int64]) -> None:
        self._codes = codes
        self._ends = np.cumsum(lengths)
        self._lengths = lengths

    def write_uncut(self, directory: Path, space: int) -> None:
        """All texts, each with a space behind it, and where they begin."""
        bounds = np.concatenate([[0], self._ends + np.arange(1, len(self._ends) + 1)])
        np.save(directory / "bounds.npy", bounds)
        uncut = _new_memmap(directory / "uncut.npy", self._codes.dtype, (int(bounds[-1]),))
        rows = tracked(self._from(0, len(self._ends)), "writing encoded texts", len(self._ends))
        for begin, row in zip(bounds, rows, strict=False):
            uncut[begin : begin + len(row)] = row
        uncut[bounds[1:] - 1] = space
        uncut.flush()

    def write_cut(self, path: Path, first: int, count: int, text_length: int, alphabet: Alphabet) -> Codes:
        """The texts from `first` on, cut and padded: (count, text_length)."""
        cut = _new_memmap(path, self._codes.dtype, (count, text_length))
        cut[:] = alphabet.none_code
        for target, row in zip(cut, self._from(first, count), strict=True):
            target[: len(row)] = row[:text_length]
        cut.flush()
        return cut

    def _from(self, first: int, count: int) -> Iterator[Codes]:
        ends, lengths = self._ends[first : first + count], self._lengths[first : first + count]
        return (self._codes[end - length : end] for end, length in zip(ends, lengths, strict=True))


def _new_memmap(
    path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> np.memmap[Any, np.dtype[np.unsignedinteger]]:
    memmap = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    # The file is sparse as yet. On a full disk, a page that has no place would end the process with SIGBUS.
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return memmap
