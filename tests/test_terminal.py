"""Whatever is said goes through one place, where it is made safe."""

import io
import logging
import sys
import warnings

import pytest

from tokenlayer.terminal import ArgumentParser, complain, complain_of, console, safe_messages

NASTY = "\x1b]0;pwn\x07 http://me:hunter@host"
SAFE = "␛]0;pwn␇ http://***@host"


@pytest.fixture
def log() -> io.StringIO:
    """What a handler of another package shows."""
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    logging.getLogger("other").addHandler(handler)
    yield shown
    logging.getLogger("other").removeHandler(handler)


def test_messages_of_other_packages(log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    make_record, format_warning = logging.getLogRecordFactory(), warnings.formatwarning
    with safe_messages():
        logging.getLogger("other").warning("at %s, %d times", NASTY, 3)
        try:
            raise ValueError(NASTY)
        except ValueError:
            logging.getLogger("other").exception("failed")
        # What cannot be formatted is logging's to complain of.
        logging.getLogRecordFactory()("other", logging.INFO, "file.py", 1, "%d", ("no number",), None)
        assert SAFE in warnings.formatwarning(NASTY, UserWarning, "file.py", 1)
    first, _, rest = log.getvalue().partition("\n")
    assert first == f"at {SAFE}, 3 times"
    assert "Traceback" in rest
    assert f"ValueError: {SAFE}" in rest
    assert "hunter" not in log.getvalue()
    assert (logging.getLogRecordFactory(), warnings.formatwarning) == (make_record, format_warning)


def test_complaints(capsys: pytest.CaptureFixture[str]) -> None:
    complain(f"one\ntwo {NASTY}")
    assert capsys.readouterr().err == f"one\ntwo {SAFE}\n"
    complain_of(KeyError(NASTY))
    assert "hunter" not in capsys.readouterr().err
    parser = ArgumentParser("tokenlayer x")
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([f"--uri={NASTY}"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(
        "tokenlayer x: error: unrecognized arguments: --uri=␛]0;pwn␇ http://***@host\n"
    )


def test_a_terminal_that_lacks_characters_shows_their_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stream)
    with safe_messages():
        print("字 …", flush=True)
    assert stream.buffer.getvalue() == b"\\u5b57 \\u2026\n"


def test_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("[bold]x[/bold] [/] :smile: [link=http://e.org]e")
    assert capsys.readouterr().out == "[bold]x[/bold] [/] :smile: [link=http://e.org]e\n"
