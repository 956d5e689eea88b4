"""Commands that take turns on the processor: what slows a machine down for seconds slows all of them down alike.

Two trainings one after the other differ by a tenth on a machine that others use, too; in turns by a fiftieth.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import ROOT

TURN_S = 0.25
_SECONDS = struct.Struct("d")


@dataclass(frozen=True)
class Command:
    """A command that is stopped while others run.

    Attributes:
        arguments: of the command line.
        folder: gets `output`, what it writes to its terminal, and `stopped`, for its `running_clock`.
        beside: a process group that runs when it does.

    """

    arguments: Sequence[str]
    folder: Path
    beside: int | None = None


def running_clock(folder: Path) -> Callable[[], float]:
    """A clock like `time.monotonic` that stands still while the command of this folder is stopped."""
    with (folder / "stopped").open("rb") as file:
        stopped = mmap.mmap(file.fileno(), _SECONDS.size, access=mmap.ACCESS_READ)
    monotonic = time.monotonic  # whatever the command calls by this name later

    def clock() -> float:
        while True:
            (before,), now, (after,) = _SECONDS.unpack_from(stopped), monotonic(), _SECONDS.unpack_from(stopped)
            if before == after:  # not stopped in between
                return float(now - after)

    return clock


def in_turns(commands: Sequence[Command]) -> None:
    """Run commands from the repository's root to their ends, one at a time, in turns of a quarter of a second.

    Raises:
        RuntimeError: a command failed; the message has the end of its output.

    """
    running: list[_Running] = []
    try:
        for command in commands:
            running.append(_Running(command))
        while left := [each for each in running if each.process.returncode is None]:
            for each in left:
                each.take_turn(TURN_S if len(left) > 1 else None)
    finally:
        for each in running:
            each.end()
    for each in running:
        if each.process.returncode:
            end = (each.command.folder / "output").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(each.command.arguments)} ended with code {each.process.returncode}: {end}")


class _Running:
    def __init__(self, command: Command) -> None:
        self.command = command
        command.folder.mkdir(parents=True, exist_ok=True)
        (command.folder / "stopped").write_bytes(_SECONDS.pack(0.0))
        with (command.folder / "stopped").open("r+b") as file:
            self._stopped = mmap.mmap(file.fileno(), _SECONDS.size)
        with (command.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                command.arguments, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
            )
        self._since = time.monotonic()
        self._signal(signal.SIGSTOP)

    def take_turn(self, seconds: float | None) -> None:
        """Run for so long, or to the end."""
        (before,) = _SECONDS.unpack_from(self._stopped)
        _SECONDS.pack_into(self._stopped, 0, before + time.monotonic() - self._since)
        self._signal(signal.SIGCONT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self._since = time.monotonic()
        self._signal(signal.SIGSTOP)

    def end(self) -> None:
        """Leave nothing behind that runs, or is stopped."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for group in (self.process.pid, self.command.beside):
            if group is not None:
                with suppress(ProcessLookupError):  # it has ended
                    os.killpg(group, number)
