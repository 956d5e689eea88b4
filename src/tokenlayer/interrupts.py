"""Ctrl-C and SIGTERM: at once where nothing is at stake, at the end of the batch inside a training step.

Lightning turns KeyboardInterrupt into `sys.exit(1)` and SIGTERM into exit code 0. `Interrupted` is neither:
it passes through Lightning and Hydra as it is, so that a run ends as KILLED, a sweep starts no further job,
and the process exits with 130.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The user or the system asked the program to stop.

    No `Exception`: code that survives failures (the jobs of a sweep) must not survive this.
    """

    def __init__(self, received: signal.Signals) -> None:
        self.received = received
        super().__init__(f"interrupted by {received.name}")


@dataclass
class _State:
    deferred: bool = False
    pending: signal.Signals | None = None


# Signals belong to the process, and so does this.
_state = _State()


@contextmanager
def handled() -> Iterator[None]:
    """Within: SIGINT and SIGTERM raise `Interrupted`. Handlers are put back afterwards.

    Does nothing off the main thread, where Python allows no handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.deferred, _state.pending = False, None
    before = {number: signal.signal(number, _receive) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _state.deferred, _state.pending = False, None


@contextmanager
def deferred() -> Iterator[None]:
    """Within: the first signal only sets a flag, which the loop inside polls; a second raises at once.

    On leaving, a flag that nobody acted upon raises `Interrupted`, in place of the SystemExit too that
    Lightning makes of SIGTERM. Other exceptions pass.
    """
    _state.deferred = True
    try:
        yield
    except SystemExit as exit_of_lightning:
        if _state.pending is not None:
            raise Interrupted(_state.pending) from exit_of_lightning
        raise
    finally:
        _state.deferred = False
    raise_if_requested()


def requested() -> signal.Signals | None:
    """The signal that waits for the end of the batch, if any."""
    return _state.pending


def raise_if_requested() -> None:
    """To be called where stopping is safe, at the end of a batch."""
    if _state.pending is not None:
        raise Interrupted(_state.pending)


def _receive(number: int, _frame: FrameType | None) -> None:
    is_first = _state.pending is None
    _state.pending = signal.Signals(number)
    if not (_state.deferred and is_first):
        raise Interrupted(_state.pending)
