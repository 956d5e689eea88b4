"""A comparison as Markdown and as LaTeX, and in the terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tokenlayer.comparison.document import Document, Section
from tokenlayer.comparison.formats import latex_table, markdown
from tokenlayer.escaping import harmless, markdown_text

_WIDTH = 160  # characters
_NARROWEST = 10
_GAP = 2  # between columns


def as_markdown(told: Document, more: Sequence[Section]) -> str:
    """The whole document in GitHub's Markdown."""
    parts = [f"## {markdown_text(told.title)}", markdown_text(told.best)]
    for section in told.sections:
        parts += _markdown(section)
    if told.missing:
        parts += ["**Missing**", "\n".join(f"- {markdown_text(text)}" for text in told.missing)]
    parts += [markdown_text(told.shared)] if told.shared else []
    for section in more:
        parts += _markdown(section)
    return "\n\n".join(parts) + "\n"


def _markdown(section: Section) -> list[str]:
    table = section.table.map(markdown_text).rename(columns=markdown_text)
    return [f"**{markdown_text(section.heading)}**", markdown(table), markdown_text(section.note)]


def as_latex(told: Document) -> str:
    """The tables for LaTeX; what is said about them stands in comments."""
    comments = [told.title, told.best, told.shared, *(f"missing: {text}" for text in told.missing)]
    parts = ["\n".join(f"% {harmless(text)}" for text in comments if text)]
    for section in told.sections:
        table = latex_table(section.table, section.texts)
        parts.append(f"% {harmless(section.heading)}\n% {harmless(section.note)}\n{table}")
    return "\n\n".join(parts) + "\n"


def show(told: Document, console: Console) -> None:
    """Print the document; tables are as wide as the terminal lets them."""
    for section in told.sections:
        for table in _tables(section, console.width):
            console.print(table)
        console.print(Text(harmless(section.note), style="dim"))
        console.print()
    console.print(Text(harmless(told.best), style="bold"))
    if told.shared:
        console.print(Text(harmless(told.shared)))
    if told.missing:
        console.print(Text("missing", style="bold"))
        for text in told.missing:
            console.print(Text(f"  - {harmless(text)}"))


def as_text(told: Document) -> str:
    """What `show` prints, without colours, for a file."""
    text = io.StringIO()
    show(told, Console(file=text, width=_WIDTH, markup=False, emoji=False, highlight=False))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _tables(section: Section, width: int) -> Iterator[Table]:
    """The table; where the terminal is too narrow for it several, each with the columns of text and some of numbers."""
    columns = list(map(str, section.table.columns))
    longest = {column: max(map(len, map(str, section.table[column])), default=1) for column in columns}
    texts = [column for column in columns if column in section.texts]
    most = max(_NARROWEST, width // (2 * len(texts))) if texts else 0
    widths = {column: min(max(longest[column], len(column)), most) for column in texts}
    # A heading may be broken between words, a number may not.
    widths |= {column: max(longest[column], *map(len, column.split())) for column in columns if column not in texts}
    room = width - sum(widths[column] + _GAP for column in texts)
    shown: list[str] = []
    for column in [column for column in columns if column not in texts]:
        if shown and sum(widths[other] + _GAP for other in (*shown, column)) > room:
            yield _table(section, [*texts, *shown], widths)
            shown = []
        shown.append(column)
    yield _table(section, [*texts, *shown], widths)


def _table(section: Section, columns: Sequence[str], widths: Mapping[str, int]) -> Table:
    table = Table(box=None, padding=(0, 1), title=Text(harmless(section.heading), style="bold"), title_justify="left")
    for column in columns:
        justify: Literal["left", "right"] = "left" if column in section.texts else "right"
        table.add_column(Text(harmless(column)), justify=justify, width=widths[column], overflow="fold")
    for place, row in enumerate(section.table[list(columns)].itertuples(index=False, name=None)):
        style = "bold" if place == section.best else None
        table.add_row(*(Text(harmless(str(cell))) for cell in row), style=style)
    return table
