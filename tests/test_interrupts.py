import os
import signal
import threading

import pytest

# Several statements must stand inside pytest.raises here: what comes after the signal is what is tested.
# ruff: noqa: PT012
from tokenlayer import interrupts
from tokenlayer.interrupts import Interrupted, handled, passed_on


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_at_once_where_nothing_is_at_stake(number):
    with pytest.raises(Interrupted) as caught, interrupts.handled():
        send(number)
        pytest.fail("went on")
    assert caught.value.received == number


def test_survives_what_catches_failures():
    assert not issubclass(Interrupted, Exception | KeyboardInterrupt | SystemExit)


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted), interrupts.handled():
        send(signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_waits_for_the_end_of_the_batch():
    steps = []
    with pytest.raises(Interrupted), interrupts.handled(), interrupts.deferred():
        for step in range(5):
            if step == 2:
                send(signal.SIGINT)
            steps.append(step)
            interrupts.raise_if_requested()
    assert steps == [0, 1, 2]


def test_a_loop_that_ends_by_itself_is_interrupted_after_it():
    reached = []
    with pytest.raises(Interrupted), interrupts.handled():
        with interrupts.deferred():
            send(signal.SIGTERM)
            assert interrupts.requested() == signal.SIGTERM
            reached.append("end of the loop")
        reached.append("after it")
    assert reached == ["end of the loop"]


def test_second_signal_does_not_wait():
    with pytest.raises(Interrupted), interrupts.handled(), interrupts.deferred():
        send(signal.SIGINT)
        send(signal.SIGINT)
        pytest.fail("went on")


def test_exit_that_lightning_makes_of_sigterm_becomes_an_interruption():
    with pytest.raises(Interrupted), interrupts.handled(), interrupts.deferred():
        send(signal.SIGTERM)
        raise SystemExit(0)


def test_other_exits_and_exceptions_pass():
    with pytest.raises(SystemExit), interrupts.handled(), interrupts.deferred():
        raise SystemExit(3)
    with pytest.raises(ValueError, match="loss"), interrupts.handled(), interrupts.deferred():
        send(signal.SIGINT)
        raise ValueError("loss is NaN")


def test_an_earlier_signal_is_forgotten():
    with pytest.raises(Interrupted), interrupts.handled():
        send(signal.SIGINT)
    with interrupts.handled():
        assert interrupts.requested() is None
        interrupts.raise_if_requested()


def test_does_nothing_in_other_threads():
    entered = []

    def work():
        with interrupts.handled():
            entered.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [before]


def test_a_signal_is_forgotten_once_it_has_been_handled() -> None:
    with pytest.raises(Interrupted), interrupts.handled():
        signal.raise_signal(signal.SIGINT)
    assert interrupts.requested() is None
    interrupts.raise_if_requested()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_that_are_held_back_arrive_after_the_section(number: signal.Signals) -> None:
    done = []
    with pytest.raises(Interrupted) as raised, interrupts.handled(), interrupts.held_back():
        os.kill(os.getpid(), number)
        done.append("first half")
        os.kill(os.getpid(), number)
        done.append("second half")
    assert done == ["first half", "second half"]
    assert raised.value.received == number


def test_nothing_is_held_back_in_other_threads() -> None:
    done = []

    def work() -> None:
        with interrupts.held_back():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def test_what_is_an_interruption() -> None:
    assert interrupts.is_interruption(KeyboardInterrupt())
    assert interrupts.is_interruption(Interrupted(signal.SIGTERM))
    assert not interrupts.is_interruption(SystemExit(1))
    assert not interrupts.is_interruption(None)


@pytest.mark.parametrize(("is_waited_for", "signals", "stopped_after"), [(True, 1, 3), (True, 2, 2), (False, 1, 1)])
def test_signals_are_passed_on_to_other_processes(is_waited_for: bool, signals: int, stopped_after: int) -> None:
    asked, waited = [], 0

    def ask() -> bool:
        asked.append(True)
        return is_waited_for

    with pytest.raises(Interrupted) as caught, handled(), passed_on(ask):
        for number in range(3):
            waited += 1
            if number < signals:
                signal.raise_signal(signal.SIGTERM)
    assert caught.value.received == signal.SIGTERM
    assert asked == [True]
    assert waited == stopped_after


def test_the_end_of_others_is_an_interruption_only_after_a_signal() -> None:
    with pytest.raises(ValueError, match="gone"), handled(), passed_on(lambda: True):
        raise ValueError("gone")
    with pytest.raises(Interrupted), handled(), passed_on(lambda: True):
        signal.raise_signal(signal.SIGINT)
        raise ValueError("gone")
    with handled(), pytest.raises(Interrupted):  # as before: nothing of it is left
        signal.raise_signal(signal.SIGINT)
