"""Processes for the runs of a study."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenlayer.forking import METHOD, TRAINING, start_server

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
        context = multiprocessing.get_context(METHOD)
        start_server(("__main__", *TRAINING), _THREADS)
        variables = {**os.environ, **_THREADS, **environment}
        work = (list(arguments), variables, Path.cwd(), log.absolute())
        self._process = context.Process(target=_work, args=work)  # type: ignore[attr-defined]  # all contexts have it
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
    sys.argv = ["tokenlayer", *arguments]
    runpy.run_module("tokenlayer", run_name="__main__", alter_sys=True)  # as `python -m tokenlayer`
