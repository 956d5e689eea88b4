"""Files and folders that are there whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenlayer.errors import InputError


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


def check_new_folder(path: Path) -> None:
    """Look whether a folder can be made, before the work that fills it.

    Raises:
        InputError: something is there, or the folder around it is not there or cannot be written to.

    """
    if path.exists() or path.is_symlink():
        raise InputError(f"{path}: is there already: name a new folder, or remove it first")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: cannot be made ({path.parent} is no folder, or cannot be written to): name another")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An unfinished folder, to be filled in the block, that is called `path` when it is whole.

    Raises:
        InputError: as `check_new_folder`; or the disk does not take what is written. There is no folder then.

    """
    check_new_folder(path)
    try:
        with replacing(path) as unfinished:
            unfinished.mkdir()
            yield unfinished
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}): name another folder, or make room") from error


def replace_text(path: Path, text: str) -> None:
    """Put `text`, as UTF-8, in the place of the file `path`, at once."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def check_output(path: Path) -> None:
    """Look whether a file that `--output` names can be written, before the work that fills it.

    Raises:
        InputError: it cannot.

    """
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        reason = "it is a folder" if path.is_dir() else "its folder is not there, or cannot be written to"
        raise InputError(f"--output {path}: cannot be written ({reason}): name a file in a folder there is")


def write_output(path: Path, text: str) -> None:
    """Put text in the place of the file that `--output` names, whole.

    Raises:
        InputError: it cannot be written there; what was there is as it was.

    """
    try:
        replace_text(path, text)
    except OSError as error:
        raise InputError(
            f"--output {path}: cannot be written ({error.strerror}): name a file in a folder there is"
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
