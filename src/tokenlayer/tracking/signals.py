"""Signals that end a run: SIGTERM behaves as Ctrl-C does, and neither tears a commit apart."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tokenlayer.interrupts import Interrupted

ENDING = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived: the run ends as after Ctrl-C (status KILLED, exit code 130)."""


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM inside the block; does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, _: FrameType | None) -> None:
        raise Terminated(f"signal {signum}")

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block ends, then deliver the first of them.

    For sections of milliseconds that must not be left half done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    previous = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, lambda signum, _: arrived.append(signum))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if arrived:
            signal.raise_signal(arrived[0])


def is_interruption(error: BaseException | None) -> bool:
    """Whether `error` is Ctrl-C or SIGTERM, or came out of one.

    Lightning answers a KeyboardInterrupt inside `fit` with `sys.exit(1)`; the interrupt is then the context
    of the SystemExit.
    """
    while error is not None:
        if isinstance(error, (KeyboardInterrupt, Interrupted)):
            return True
        error = error.__cause__ or error.__context__
    return False
