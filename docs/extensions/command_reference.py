"""The reference of the commands, made from what each prints for `--help`."""

from __future__ import annotations

import contextlib
import io
import os

from tokenlayer.cli.main import COMMANDS, main

_COLUMNS = "110"
# Their help goes on with the whole configuration, which the configuration's own page has.
_END = "\nthe configuration (key=value):"


def commands() -> str:
    """The page's Markdown: a heading and the help of each command."""
    sections = [f"```text\n{_help()}\n```\n"]
    sections += [f"## `tokenlayer {name}`\n\n```text\n{_help(name)}\n```\n" for name in COMMANDS]
    return "\n".join(sections)


def _help(*command: str) -> str:
    """What `tokenlayer COMMAND --help` prints."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _COLUMNS  # argparse breaks lines there
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            code = main([*command, "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    if code:
        raise RuntimeError(f"tokenlayer {' '.join(command)} --help ended with {code}")
    return printed.getvalue().partition(_END)[0].strip()
