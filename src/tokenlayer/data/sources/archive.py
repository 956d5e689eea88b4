"""Reviews in the layout of the official archive: `{train,test}/{pos,neg}/<name>.txt`."""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from tokenlayer.data.files import LARGEST_TEXT, most_unpacked, open_binary
from tokenlayer.data.types import SplitName
from tokenlayer.errors import InputError
from tokenlayer.hints import shortened

_LAYOUT = re.compile(r"(?:^|.*/)(train|test)/(pos|neg)/[^/]+\.txt")
_SPLITS: dict[str, SplitName] = {"train": "train", "test": "test"}
_SENTIMENTS = {"pos": "positive", "neg": "negative"}
_END = bytes(2 * tarfile.BLOCKSIZE)
_SUFFIXES = (".tar", ".tar.gz", ".tgz")
# ValueError: extended headers that say what no header says. RecursionError: one header behind the other, and no member.
_DAMAGED = (tarfile.TarError, ValueError, RecursionError)


@dataclass
class Reviews:
    """Texts with their sentiment, and the split that the archive puts them into."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    splits: list[SplitName] = field(default_factory=list)

    def add(self, split: str, sentiment: str, content: bytes, place: str) -> None:
        try:
            self.texts.append(content.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InputError(f"{place} is not UTF-8 ({error.reason} at byte {error.start}): convert it") from error
        self.labels.append(_SENTIMENTS[sentiment])
        self.splits.append(_SPLITS[split])


class ReviewFile(NamedTuple):
    """One review in a folder."""

    path: Path
    split: str
    sentiment: str


def is_archive(path: Path) -> bool:
    """Return whether the name is that of a tar archive."""
    return path.name.lower().endswith(_SUFFIXES)


def read_archive(path: Path) -> Reviews:
    """The labelled reviews, read as a stream: nothing is written to disk.

    Raises:
        InputError: truncated or no archive, a member that would leave the target folder when extracted, no
            reviews in it.

    """
    reviews = Reviews()
    try:
        with open_binary(path) as file:
            with tarfile.open(fileobj=file, mode="r|") as archive:
                left = most_unpacked(path)
                for member in archive:
                    _check_inside(member, path)
                    found = _LAYOUT.fullmatch(member.name)
                    content = archive.extractfile(member) if found and member.isfile() else None
                    if found and content:
                        left -= member.size  # of a sparse file, far more than it takes in the archive
                        _check_size(member.size, left, f"{path}, member {shortened(member.name)}")
                        reviews.add(found[1], found[2], content.read(), f"{path}, member {shortened(member.name)}")
            _check_end(file)
    except _DAMAGED as error:
        raise InputError(f"{path} is truncated or damaged, or no archive ({error}): fetch it again") from error
    return _complete(reviews, path)


def read_folder(path: Path) -> Reviews:
    """The labelled reviews of an extracted archive: the folder itself, or the one above it.

    Raises:
        InputError: no reviews in it, or one that cannot be read.

    """
    reviews = Reviews()
    for file in review_files(path):
        try:
            _check_size(file.path.stat().st_size, 0, str(file.path))
            content = file.path.read_bytes()
        except OSError as error:
            raise InputError(f"{file.path} cannot be read: {error.strerror or error}") from error
        reviews.add(file.split, file.sentiment, content, str(file.path))
    return _complete(reviews, path)


def review_files(path: Path) -> list[ReviewFile]:
    """The files of the labelled reviews, in the order of their names; what is no file is none."""
    root = path if (path / "train").is_dir() else path / "aclImdb"
    return [
        ReviewFile(file, split, sentiment)
        for split in _SPLITS
        for sentiment in _SENTIMENTS
        for file in sorted((root / split / sentiment).glob("*.txt"))
        if file.is_file()
    ]


def _check_size(size: int, left: int, place: str) -> None:
    if size > LARGEST_TEXT:
        raise InputError(f"{place} has {size:,} bytes, and a text has at most {LARGEST_TEXT:,}: leave it out")
    if left < 0:
        raise InputError(f"{place}: so far the archive unpacks to far more than texts do: unpack it, and look at it")


def _check_inside(member: tarfile.TarInfo, path: Path) -> None:
    for name in _names(member):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            link = "" if name == member.name else f", a link to {shortened(name)!r},"
            raise InputError(
                f"{path}: the member {shortened(member.name)!r}{link} leaves the folder of the archive: "
                "it is damaged or meant to do harm; fetch the official one"
            )


def _check_end(file: BinaryIO) -> None:
    # tarfile takes a cut between two members, or within a header, for the end of the archive. In a compressed
    # file, reading on to the end shows it; an uncompressed one must end with the format's two blocks of zeros.
    while file.read(1 << 20):
        pass
    if file.seekable():
        file.seek(max(file.tell() - len(_END), 0))
        if file.read() != _END:
            raise tarfile.ReadError("its end is missing")


def _names(member: tarfile.TarInfo) -> Iterator[str]:
    yield member.name
    if member.issym() or member.islnk():
        yield member.linkname


def _complete(reviews: Reviews, path: Path) -> Reviews:
    wanted = {(split, sentiment) for split in _SPLITS.values() for sentiment in _SENTIMENTS.values()}
    missing = wanted - set(zip(reviews.splits, reviews.labels, strict=True))
    if missing:
        listed = ", ".join(f"{sentiment} {split}" for split, sentiment in sorted(missing))
        raise InputError(
            f"{path} holds no {listed} reviews: expected the layout of the official archive, "
            "aclImdb/{train,test}/{pos,neg}/<name>.txt"
        )
    return reviews
