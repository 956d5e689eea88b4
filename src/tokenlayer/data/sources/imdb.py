"""The IMDB reviews (Maas et al. 2011): 50,000, half of them positive."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import pooch
from filelock import FileLock

from tokenlayer.data.cache import cache_root
from tokenlayer.data.config import AlphabetConfig, DatasetConfig
from tokenlayer.data.files import existing, hash_files
from tokenlayer.data.labels import classes_of
from tokenlayer.data.sources.archive import is_archive, read_archive, read_folder, review_files
from tokenlayer.data.sources.readers import read_table
from tokenlayer.data.types import RawDataset, SplitName
from tokenlayer.errors import InputError

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
CLASSES = ("negative", "positive")


@dataclass(kw_only=True)
class ImdbConfig(DatasetConfig):
    """The official archive, fetched once; or a copy of the reviews that is at hand."""

    text_length: int | None = 2000
    """L: longer texts are cut, shorter ones padded with "no character"; null: chosen from the training texts."""
    batch_size: int | None = 32
    """B: texts per step; null: chosen by the number of training texts."""
    alphabet: AlphabetConfig = field(default_factory=lambda: AlphabetConfig(size=30))
    """The characters that get a code."""
    source: str | None = None
    """Archive (.tar, .tar.gz), the folder it was extracted to, or CSV (gzipped or not) with columns review
    and sentiment; null: fetch the official archive (84 MB) into the cache folder."""
    split: Literal["random", "official"] = "random"
    """random: 70/15/15 by split_seed; official: 25,000 training texts (of which 15 % become the
    validation texts) and 25,000 test texts."""

    _outside_cache_key: ClassVar[frozenset[str]] = DatasetConfig._outside_cache_key | {"source"}

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant."""
        yield from super().problems()
        if self.split == "official" and self.source is not None and _is_csv(Path(self.source)):
            yield (
                "split",
                "a CSV does not say which split a review belongs to: give the archive, or take split=random",
            )

    def check_source(self) -> None:
        """Check that the copy that is given is there."""
        if self.source is not None:
            existing(self.source, "dataset.source")

    def place(self) -> str:
        """The copy that is given, or the address of the archive."""
        return URL if self.source is None else str(Path(self.source).absolute())

    def source_key(self) -> str:
        """Hash of the archive, of the reviews in the folder, or of the CSV."""
        path = self._path()
        if path.is_dir():
            return hash_files(
                {f"{file.split}/{file.sentiment}/{file.path.name}": file.path for file in review_files(path)}
            )
        return hash_files({"archive" if is_archive(path) else "csv": path})

    def load(self) -> RawDataset:
        """All labelled reviews.

        Raises:
            InputError: missing, truncated or malformed source, a member that leaves the archive, no network.

        """
        return self.load_to_score(())

    def load_to_score(self, known_classes: Sequence[str]) -> RawDataset:
        """Return all labelled reviews; those of a CSV may be of one class if the other is known."""
        path = self._path()
        if not path.is_dir() and not is_archive(path):
            return _read_csv(path, known_classes)
        reviews = read_folder(path) if path.is_dir() else read_archive(path)
        class_names, labels = classes_of(reviews.labels, str(path))
        given: list[SplitName] | None = reviews.splits if self.split == "official" else None
        return RawDataset(reviews.texts, labels, class_names, str(path), given)

    def _path(self) -> Path:
        if self.source is not None:
            return existing(self.source, "dataset.source")
        return fetch(URL, MD5, cache_root(self.cache_dir) / "downloads")


def fetch(url: str, md5: str, folder: Path) -> Path:
    """The file behind `url`, fetched once and checked every time.

    Raises:
        InputError: no network, or what came is not the file wanted; nothing of it is kept.

    """
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        try:
            return Path(pooch.retrieve(url, f"md5:{md5}", path=folder, progressbar=sys.stderr.isatty()))
        except ValueError as error:
            raise InputError(
                f"{url}: wrong checksum, expected MD5 {md5} ({error}): try again, or fetch the archive by "
                "other means and give it as dataset.source"
            ) from error
        except OSError as error:
            raise InputError(
                f"{url} cannot be fetched ({error}): give the archive, a folder or a CSV as dataset.source"
            ) from error


def _is_csv(path: Path) -> bool:
    return not path.is_dir() and not is_archive(path)


def _read_csv(path: Path, known_classes: Sequence[str]) -> RawDataset:
    table = read_table(path, {"review": "review", "sentiment": "sentiment"})
    sentiments = table.columns["sentiment"]
    for row, sentiment in enumerate(sentiments):
        if sentiment not in CLASSES:
            raise InputError(
                f"{table.place(row)}: sentiment={sentiment!r} is neither {' nor '.join(CLASSES)}: "
                "other tables are read by dataset=table"
            )
    class_names, labels = classes_of([*sentiments, *known_classes], str(path))
    return RawDataset(table.columns["review"], labels[: len(sentiments)], class_names, str(path))
