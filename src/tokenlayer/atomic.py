"""Files and folders that are there whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An unfinished path beside `path`, to be made a file or a folder in the block; it then takes the place of `path`.

    If the block fails, what it has written is removed and `path` stays as it was. What a killed process has left is
    removed before the block. Two processes must not do this for the same path at once: hold a lock where they might.

    Raises:
        IsADirectoryError: a file would take the place of a folder.

    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    _remove(unfinished)
    try:
        yield unfinished
        if unfinished.is_dir() and path.is_dir():  # no folder with content can be replaced at once
            _remove(path)
        unfinished.replace(path)
    finally:
        _remove(unfinished)


def replace_text(path: Path, text: str) -> None:
    """Put `text`, as UTF-8, in the place of the file `path`, at once."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
