import os
import signal
import threading

import pytest

from tokenlayer.tracking.signals import Terminated, deferred_signals, is_interruption, sigterm_interrupts


def test_sigterm_raises_inside_and_not_after() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), sigterm_interrupts():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 5)  # the handler runs before this returns
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_deferred_signals_arrive_after_the_section(number: int, error: type[BaseException]) -> None:
    done = []
    with pytest.raises(error), sigterm_interrupts(), deferred_signals():  # noqa: PT012
        os.kill(os.getpid(), number)
        done.append("first half")
        os.kill(os.getpid(), number)
        done.append("second half")
    assert done == ["first half", "second half"]


def test_other_threads_are_left_alone() -> None:
    done = []

    def work() -> None:
        with sigterm_interrupts(), deferred_signals():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def test_what_is_an_interruption() -> None:
    assert is_interruption(KeyboardInterrupt())
    assert is_interruption(Terminated())
    assert not is_interruption(SystemExit(1))
    assert not is_interruption(None)
