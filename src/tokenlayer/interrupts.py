"""Ctrl-C and SIGTERM: at once where nothing is at stake, at the end of the batch in training, never within a commit.

Lightning turns KeyboardInterrupt into `sys.exit(1)` and SIGTERM into exit code 0. `Interrupted` is neither:
it passes through Lightning and Hydra as it is, so that a run ends as KILLED, a sweep starts no further job,
and the process exits with 130.
"""

import signal
import threading
from collections.abc import Callable, Iterator
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
    to_others: Callable[[], bool] | None = None


# Signals belong to the process, and so does this.
_state = _State()


@contextmanager
def handled() -> Iterator[None]:
    """Within: SIGINT and SIGTERM raise `Interrupted`. The handlers before it are put back afterwards.

    Does nothing off the main thread, where Python allows no handlers.
    """
    if not _in_main_thread():
        yield
        return
    _state.deferred, _state.pending = False, None
    try:
        with _received_by(_receive):
            yield
    finally:
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


@contextmanager
def passed_on(to_others: Callable[[], bool]) -> Iterator[None]:
    """Within, where other processes do the work: the first signal is passed on to them, a second raises at once.

    On leaving, a signal that came raises `Interrupted`, in place of the error too that the end of the others may have
    been to whoever waited for them.

    Args:
        to_others: asks the other processes to end, once; False: there is none to wait for.

    """
    _state.to_others = to_others
    try:
        with deferred():
            yield
    except (Exception, KeyboardInterrupt) as error:
        if _state.pending is not None:
            raise Interrupted(_state.pending) from error
        raise
    finally:
        _state.to_others = None


@contextmanager
def held_back() -> Iterator[None]:
    """Within: SIGINT and SIGTERM wait; after the block the first of them is delivered.

    For sections of milliseconds that must not be left half done. Does nothing off the main thread.
    """
    if not _in_main_thread():
        yield
        return
    arrived: list[int] = []
    try:
        with _received_by(lambda number, _frame: arrived.append(number)):
            yield
    finally:
        if arrived:
            signal.raise_signal(arrived[0])


def is_interruption(error: BaseException | None) -> bool:
    """Return True if `error` is Ctrl-C or SIGTERM, or came out of one.

    Lightning answers a KeyboardInterrupt inside `fit` with `sys.exit(1)`; the interrupt is then the context
    of the SystemExit.
    """
    while error is not None:
        if isinstance(error, (KeyboardInterrupt, Interrupted)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _received_by(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():  # None: one that was not set from Python
            signal.signal(number, signal.SIG_DFL if previous is None else previous)


def _receive(number: int, _frame: FrameType | None) -> None:
    is_first = _state.pending is None
    _state.pending = signal.Signals(number)
    if _state.to_others is not None:
        if not (is_first and _state.to_others()):
            raise KeyboardInterrupt  # the one exception of a handler that Ray, while it waits, lets through
    elif not (_state.deferred and is_first):
        raise Interrupted(_state.pending)
