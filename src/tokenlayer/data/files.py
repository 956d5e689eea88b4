"""Opening, hashing and naming the files that data come from."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from tokenlayer.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_TRUNCATED = (EOFError, gzip.BadGzipFile, zlib.error)


def existing(source: str, key: str) -> Path:
    """The path of `source`, which stands under the configuration's `key`.

    Raises:
        InputError: nothing is there; names the absolute path.

    """
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(f"{key}={source}: there is no such file ({path.absolute()})")
    return path


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, decompressed if gzip wrote it, whatever its name.

    Raises:
        InputError: the file cannot be opened, or ends too early while it is read.

    """
    try:
        with path.open("rb") as probe:
            zipped = probe.read(2) == _GZIP_MAGIC
        with cast(BinaryIO, gzip.open(path)) if zipped else path.open("rb") as file:
            yield file
    except _TRUNCATED as error:
        raise InputError(f"{path} is truncated or damaged ({error}): fetch it again") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def open_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """The file as UTF-8 text, with or without byte order mark, line ends as they are.

    Raises:
        InputError: as `open_binary`, or it is not UTF-8.

    """
    with open_binary(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
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
