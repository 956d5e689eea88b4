"""Processes for runs, forked from one that has imported what a training needs: a start of its own takes seconds."""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# Of this program, and of others what a training imports only when it gets there.
_IMPORTED = (
    "__main__",
    "tokenlayer.cli.train",
    "tokenlayer.training.train",
    "tokenlayer.training.callbacks.figures_callback",
    "tokenlayer.training.callbacks.token_history_callback",
    "numba",
    "sklearn.linear_model",
)
# Read when the libraries are loaded, which is when the first run starts.
_THREADS = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


class CommandProcess:
    """`tokenlayer ARGUMENTS` in a process of its own, of one thread.

    All runs of a study are of the code that was there when its first one started, whatever is edited meanwhile.

    Args:
        arguments: of the command: `["train", "seed=1"]`.
        environment: variables beside those of this process.
        log: the file for what the command prints.

    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context = multiprocessing.get_context(method)
        context.set_forkserver_preload(list(_IMPORTED))
        variables = {**os.environ, **_THREADS, **environment}
        work = (list(arguments), variables, Path.cwd(), log.absolute())
        self._process = context.Process(target=_work, args=work)  # type: ignore[attr-defined]  # all contexts have it
        with _environment(_THREADS):
            self._process.start()

    @property
    def code(self) -> int | None:
        """Its exit code, minus the signal's number for one that was killed; None while it runs."""
        code: int | None = self._process.exitcode
        return code

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        if self.code is None:
            os.kill(self._process.pid, signal.SIGINT)

    def wait(self) -> None:
        """Wait for its end."""
        self._process.join()


def _work(arguments: Sequence[str], variables: Mapping[str, str], folder: Path, log: Path) -> None:
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C in the terminal reaches it only once, through `interrupt`
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    gc.freeze()  # what is loaded stays loaded: the collector would look through it, and memory that is shared be copied
    sys.argv = ["tokenlayer", *arguments]
    runpy.run_module("tokenlayer", run_name="__main__", alter_sys=True)  # as `python -m tokenlayer`


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """With these variables, for processes that are started within."""
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
