import os
import signal
import threading

import pytest

from tokenlayer.interrupts import Interrupted, handled
from tokenlayer.tracking.signals import deferred_signals, is_interruption


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_deferred_signals_arrive_after_the_section(number: signal.Signals) -> None:
    done = []
    with pytest.raises(Interrupted) as raised, handled(), deferred_signals():  # noqa: PT012
        os.kill(os.getpid(), number)
        done.append("first half")
        os.kill(os.getpid(), number)
        done.append("second half")
    assert done == ["first half", "second half"]
    assert raised.value.received == number


def test_other_threads_are_left_alone() -> None:
    done = []

    def work() -> None:
        with deferred_signals():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def test_what_is_an_interruption() -> None:
    assert is_interruption(KeyboardInterrupt())
    assert is_interruption(Interrupted(signal.SIGTERM))
    assert not is_interruption(SystemExit(1))
    assert not is_interruption(None)
