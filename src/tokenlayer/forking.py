"""Processes that are forked from one which has imported what a training needs: a start of their own takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver

import psutil

METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""The start method. What has been imported bears no forking on macOS; Windows has none."""
TRAINING = (
    "tokenlayer.cli.train",
    "tokenlayer.training.train",
    "tokenlayer.training.callbacks.figures_callback",
    "tokenlayer.training.callbacks.token_history_callback",
    "tokenlayer.sweeps.record",
    "numba",
    "sklearn.linear_model",
)
"""Modules of this program, and those of others that a training imports only when it gets there."""
_FIRST = "tokenlayer.forking_server"


def start_server(modules: Sequence[str], variables: Mapping[str, str]) -> None:
    """Start the process from which others are forked, unless it runs; it imports while this one goes on.

    Its environment is that of now, which all processes get that are forked from it. Where there is no forking this does
    nothing.

    Args:
        modules: what it is to import.
        variables: of its environment, beside those of this process: libraries read their number of threads when they
            are loaded.

    """
    if METHOD == "forkserver":
        multiprocessing.get_context(METHOD).set_forkserver_preload([_FIRST, *modules])
        with _environment(variables):
            forkserver.ensure_running()


def is_server(process: psutil.Process) -> bool:
    """True for the process from which others are forked, not for these."""
    return process.ppid() == os.getpid() and any("multiprocessing.forkserver" in word for word in process.cmdline())


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """With these variables, for a process that is started within."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
