"""Tables as text: CSV, GitHub's Markdown, LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from tokenlayer.escaping import csv_cell, latex


def csv_text(rows: Sequence[Mapping[str, str]]) -> str:
    """CSV of rows with the same columns; no cell is a formula for a spreadsheet."""
    columns = list(rows[0]) if rows else []
    return csv_lines([columns, *([row[column] for column in columns] for row in rows)])


def csv_lines(rows: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    """Rows of cells as lines of CSV, or of TSV; no cell is a formula for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    quoting = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for cells in rows:
        # Before Python 3.13 a carriage return in a cell is not quoted where the lines end otherwise.
        (quoting if any("\r" in cell for cell in cells) else writer).writerow(map(csv_cell, cells))
    return text.getvalue()


def as_csv(table: pd.DataFrame) -> str:
    """A table as CSV: numbers in full, nothing for what there is not."""
    columns = list(map(str, table.columns))
    rows = [dict(zip(columns, row, strict=True)) for row in _cells(table)]
    return csv_text(rows) if rows else csv_text([dict.fromkeys(columns, "")]).partition("\n")[0] + "\n"


def markdown(table: pd.DataFrame) -> str:
    """The table in GitHub's Markdown."""
    cells = [[str(column) for column in table.columns], ["---"] * len(table.columns)]
    cells += _cells(table)
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in cells)


def latex_table(table: pd.DataFrame, texts: Iterable[str]) -> str:
    r"""The table for LaTeX with booktabs (`\usepackage{booktabs}`).

    Args:
        table: cells as they are to be read; all is escaped.
        texts: columns of text, set flush left; all others are flush right.

    """
    left = set(texts)
    align = "".join("l" if column in left else "r" for column in table.columns)
    lines = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", _latex_row(map(str, table.columns)), r"\midrule"]
    return "\n".join([*lines, *map(_latex_row, _cells(table)), r"\bottomrule", r"\end{tabular}"])


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(map(latex, cells)) + r" \\"


def _cells(table: pd.DataFrame) -> Iterator[list[str]]:
    for row in table.itertuples(index=False, name=None):
        yield ["" if pd.isna(value) else str(value) for value in row]
