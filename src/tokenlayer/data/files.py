"""Opening, hashing and naming the files that data come from."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tokenlayer.errors import InputError
from tokenlayer.hints import shortened
from tokenlayer.progress import working

_GZIP_MAGIC = b"\x1f\x8b"
_TRUNCATED = (EOFError, gzip.BadGzipFile, zlib.error)
_UNPACKED, _UNPACKED_TIMES = 256 << 20, 100  # texts are packed to a third or a tenth, a bomb to a thousandth

LARGEST_TEXT = 1 << 24
"""Bytes, or characters, of a text or a row: some twenty novels. What is larger is no text, or meant to do harm."""


def existing(source: str, key: str) -> Path:
    """The path of `source`, which stands under the configuration's `key`.

    Raises:
        InputError: nothing is there, or neither a file nor a folder; names the absolute path.

    """
    try:
        path = Path(source).expanduser()
        is_there = path.exists()
    except (OSError, RuntimeError) as error:  # a name that is too long; a home folder of nobody
        raise InputError(f"{key}={shortened(source)}: no path of a file ({error})") from error
    if not is_there:
        raise InputError(f"{key}={shortened(source)}: there is no such file ({shortened(str(path.absolute()))})")
    if not (path.is_file() or path.is_dir()):
        raise InputError(f"{key}={source}: neither a file nor a folder ({path.absolute()}): write it to a file first")
    return path


def most_unpacked(path: Path) -> int:
    """Bytes that the content of a packed file may come to: far more than texts do, and what memory can hold."""
    return max(_UNPACKED, _UNPACKED_TIMES * path.stat().st_size)


class _Unpacked(io.RawIOBase):
    """The content of a file that gzip wrote, of which no more is read than texts can come to.

    Raises:
        InputError: it goes on; of some megabytes it could make as many gigabytes.

    """

    def __init__(self, packed: BinaryIO, path: Path) -> None:
        self._path = path
        self._file = gzip.GzipFile(fileobj=packed)
        self._left = self._most = most_unpacked(path)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise InputError(
                f"{self._path} unpacks to more than {self._most:,} bytes, which texts do not: unpack it, and look at it"
            )
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def open_binary(path: Path, what: str = "reading texts") -> Iterator[BinaryIO]:
    """The file's bytes, decompressed if gzip wrote it, whatever its name; it can be sought in if it is not.

    `what` says what work it is to read it to its end.

    Raises:
        InputError: the file cannot be opened, or ends too early, or not for long, while it is read.

    """
    try:
        with path.open("rb") as probe, path.open("rb") as raw:
            zipped = probe.read(2) == _GZIP_MAGIC
            with working(what, path.stat().st_size, raw.tell):
                yield io.BufferedReader(_Unpacked(raw, path)) if zipped else raw
    except _TRUNCATED as error:
        raise InputError(f"{path} is truncated or damaged ({error}): fetch it again") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def open_text(path: Path, what: str = "reading texts") -> Iterator[io.TextIOWrapper]:
    """The file as UTF-8 text, with or without byte order mark, line ends as they are.

    Raises:
        InputError: as `open_binary`, or it is not UTF-8.

    """
    with open_binary(path, what) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        try:
            yield text
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}{_line_that_is_not_utf8(path)} is not UTF-8 ({error.reason}): convert it"
            ) from error


def _line_that_is_not_utf8(path: Path) -> str:
    """Return `, line N`, counted again: the decoder reports positions in its buffer, not in the file."""
    with open_binary(path) as file:
        for line, content in enumerate(file, start=1):
            try:
                content.decode("utf-8")
            except UnicodeDecodeError as error:
                return f", line {line}, byte {error.start + 1} of it (0x{content[error.start]:02x})"
    return ""


def hash_files(files: Mapping[str, Path]) -> str:
    """One hash of what the files hold and what they stand for, in the order given; not of where they lie."""
    digest = hashlib.sha256()
    for meaning, path in files.items():
        try:
            with path.open("rb") as file:
                digest.update(f"{meaning}:{hashlib.file_digest(file, 'sha256').hexdigest()};".encode())
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()
