"""The flags by which a command takes a table of texts: `--texts`, `--text-column`, `--label-column`."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tokenlayer.errors import InputError

if TYPE_CHECKING:
    from tokenlayer.inference.tables import TextTable


def add_table_flags(parser: argparse.ArgumentParser, use: str, *, labels: bool = True) -> None:
    """Adds the flags; `use` says what the texts are for, and `labels` whether their classes are of use, too."""
    parser.add_argument(
        "--texts", metavar="FILE", help=f"{use}: CSV, TSV, JSONL or Parquet, gzipped or not; - is standard input"
    )
    parser.add_argument("--text-column", metavar="NAME", help="the column of FILE that holds the texts")
    if labels:
        parser.add_argument("--label-column", metavar="NAME", help="the column of FILE that holds their classes")
    else:
        parser.set_defaults(label_column=None)


def given_table(given: argparse.Namespace, opened: ExitStack, what: str) -> TextTable | None:
    """The table that is named, looked at but not yet read; None: there is none.

    Args:
        given: the parsed line.
        opened: what closes the table again.
        what: the work, in words, that its rows are read for.

    Raises:
        InputError: one flag is there without another, or the file cannot be read as a table.

    """
    if (given.texts is None) != (given.text_column is None):
        raise InputError("--texts FILE and --text-column NAME go together: give both, or neither")
    if given.texts is None:
        if given.label_column is not None:
            raise InputError("--label-column is of a table of texts: add --texts FILE --text-column NAME")
        return None
    from tokenlayer.inference.tables import TextTable, table_file  # noqa: PLC0415  # pandas takes a second

    table = TextTable(
        opened.enter_context(table_file(given.texts, "--texts")), given.text_column, given.label_column, what
    )
    table.check()
    return table
