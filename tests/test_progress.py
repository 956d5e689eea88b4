"""Work is shown to whoever asked for it, counted without being asked, and silent otherwise."""

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tokenlayer import progress_bars
from tokenlayer.progress import Work, shown_by, tracked, working
from tokenlayer.progress_bars import progress_bar


@contextmanager
def recorded(work: Work) -> Iterator[None]:
    SHOWN.append(work)
    yield


SHOWN: list[Work] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    SHOWN.clear()


def test_nothing_is_shown_unless_asked_for() -> None:
    assert list(tracked(range(3), "counting", 3)) == [0, 1, 2]
    with working("thinking") as work:
        work.step()
    assert SHOWN == []


def test_items_are_counted_as_they_are_taken() -> None:
    with shown_by(recorded):
        items = tracked("abc", "reading", 3)
        assert (next(items), SHOWN[0].done_now()) == ("a", 0)
        assert (next(items), SHOWN[0].done_now()) == ("b", 1)
        assert (list(items), SHOWN[0].done_now()) == (["c"], 3)
    assert (SHOWN[0].what, SHOWN[0].total) == ("reading", 3)


def test_what_is_done_may_be_looked_up() -> None:
    file = io.BytesIO(b"some bytes")
    with shown_by(recorded), working("reading", 10, file.tell):
        file.read(4)
        assert SHOWN[0].done_now() == 4


def test_work_within_work_is_a_part_of_it() -> None:
    with shown_by(recorded):
        with working("all of it"), working("a part"):
            pass
        with working("the next"), shown_by(None), working("hidden"):
            pass
    assert [work.what for work in SHOWN] == ["all of it", "the next"]


def test_a_line_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress_bars, "_DELAY", 0.05)
    with shown_by(progress_bar):
        with working("taking [long]"):
            time.sleep(0.5)
        with working("taking none"):
            pass
    assert capsys.readouterr().err == "taking [long] …\n"


def test_a_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(progress_bars, "_DELAY", 0.05)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with shown_by(progress_bar), working("taking long", 4) as work:
        work.done = 2
        time.sleep(1.0)
    shown = terminal.getvalue()
    assert "taking long" in shown
    assert "50%" in shown


def test_what_fails_is_no_longer_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_by(progress_bar), pytest.raises(ValueError, match="no"), working("failing"):
        raise ValueError("no")
    assert capsys.readouterr().err == ""
