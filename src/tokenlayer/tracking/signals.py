"""Signals and a run: none tears a commit apart, and those that end it give it its status."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tokenlayer.interrupts import Interrupted

ENDING = (signal.SIGINT, signal.SIGTERM)


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
