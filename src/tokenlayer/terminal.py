"""What is said in the terminal: nothing in it is acted on, neither by the terminal nor by rich, and no secret is told.

Text that is not this program's own (texts, names of classes, files and runs, settings, messages of other packages)
comes here, or is made `harmless` (`escaping`) where it goes into a table.
"""

import argparse
import io
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from tokenlayer.escaping import harmless_lines
from tokenlayer.redaction import redacted

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 160  # characters


def safe(text: str) -> str:
    """Text of several lines that may be shown: without secrets, and without characters that a terminal acts on."""
    return harmless_lines(redacted(text))


def complain(text: str) -> None:
    """Print text to the standard error, made safe."""
    print(safe(text), file=sys.stderr, flush=True)


def complain_of(error: BaseException) -> None:
    """Print an exception with its traceback to the standard error, made safe."""
    complain("".join(traceback.format_exception(error)).rstrip("\n"))


def console(*, soft_wrap: bool = False, quiet: bool = False) -> "Console":
    """A terminal that prints what it is given: brackets are no markup, `:smile:` is no emoji. A quiet one does not."""
    from rich.console import Console  # noqa: PLC0415  # most command lines that fail need none

    return Console(markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap, quiet=quiet)


def table_console() -> "Console":
    """A terminal for tables: as wide as it is, or wide enough for most of them where the output is no terminal."""
    made = console()
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _WIDE
    return made


class ArgumentParser(argparse.ArgumentParser):
    """One whose complaints, which repeat what was typed, are safe."""

    def error(self, message: str) -> NoReturn:
        """End the program with code 2."""
        self.print_usage(sys.stderr)
        complain(f"{self.prog}: error: {message}")
        self.exit(2)


@contextmanager
def safe_messages() -> Iterator[None]:
    """Within: what any package logs, or warns of, is safe to show, and no output fails for its characters."""
    make_record, format_warning = logging.getLogRecordFactory(), warnings.formatwarning

    def format_safely(*args: Any, **kwargs: Any) -> str:
        return safe(format_warning(*args, **kwargs))

    logging.setLogRecordFactory(lambda *args, **kwargs: _made_safe(make_record(*args, **kwargs)))
    warnings.formatwarning = format_safely
    for stream in (sys.stdout, sys.stderr):
        _never_fail(stream)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make_record)
        warnings.formatwarning = format_warning


def _made_safe(record: logging.LogRecord) -> logging.LogRecord:
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # a wrong format, which logging reports in its own way
        return record
    if safe(message) != message:
        record.msg, record.args = safe(message), None
    if record.exc_info and record.exc_info[0] is not None:
        record.exc_text = safe("".join(traceback.format_exception(*record.exc_info))).rstrip("\n")
    return record


def _never_fail(stream: TextIO) -> None:
    """Show characters that the terminal's encoding lacks by their code points."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
