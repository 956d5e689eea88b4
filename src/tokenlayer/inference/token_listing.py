"""`tokenlayer tokens`: the tokens of a model as a table, in the terminal or as CSV or JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Literal

import pandas as pd
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from tokenlayer.comparison.formats import as_csv
from tokenlayer.escaping import harmless
from tokenlayer.inference.counted_tokens import EXAMPLES, counted_tokens
from tokenlayer.inference.recorded_tokens import recorded_figures
from tokenlayer.inference.tables import TextTable
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.layer.vocabulary import BLANK_SIGN

_BETWEEN = " | "


def listed_tokens(
    model: TrainedModel, table: TextTable | None, *, tracking_uri: str | None, output_dir: str
) -> pd.DataFrame:
    """The tokens of a model, those that matter most first: by the size of their effect, or else of their weight.

    Columns: those of `TrainedModel.tokens`; of a model that a run has trained, those of `recorded_figures`; with a
    table of texts those of `counted_tokens`, and no others of the run's than the effect.

    Raises:
        InputError: what the run has recorded is damaged, or a row of the table cannot be read.

    """
    parts = [model.tokens]
    if model.run_id is not None:
        patterns = model.network.tokenization.vocabulary().decode(model.alphabet)
        parts.append(recorded_figures(model.run_id, patterns, tracking_uri=tracking_uri, output_dir=output_dir))
    if table is not None:
        parts = [part.drop(columns=part.filter(regex="^test ").columns) for part in parts]
        parts.append(counted_tokens(model, table))
    joined = pd.concat(parts, axis=1)
    by = "effect" if "effect" in joined and joined["effect"].notna().any() else "weight"
    order = joined[by].abs().sort_values(ascending=False, kind="stable", na_position="last").index
    return joined.loc[order].reset_index(drop=True)


def tokens_as_csv(tokens: pd.DataFrame) -> str:
    """CSV: numbers in full, examples behind each other."""
    if EXAMPLES in tokens:
        tokens = tokens.assign(**{EXAMPLES: tokens[EXAMPLES].map(_BETWEEN.join)})
    return as_csv(tokens)


def tokens_as_json(tokens: pd.DataFrame) -> str:
    """JSON: a list with an object for each token; null for what there is not."""
    rows = [
        {name: None if _is_missing(value) else value for name, value in row.items()}
        for row in tokens.astype(object).to_dict("records")
    ]
    return json.dumps(rows, indent=1, default=lambda value: value.item()) + "\n"


def token_table_shown(tokens: pd.DataFrame) -> Table:
    """A table for the terminal, with one example of each token, cut where the terminal ends."""
    names = tokens.columns.tolist()
    rows = [list(_cells(names, row)) for row in tokens.itertuples(index=False, name=None)]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        justify: Literal["left", "right"] = "left" if name in ("token", "towards", EXAMPLES) else "right"
        least = None if name == EXAMPLES else max(map(cell_len, (name, *column)))
        table.add_column(Text(harmless(name)), justify=justify, min_width=least, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*map(Text, row))  # Text, not str: what is between brackets would be markup
    return table


def _cells(names: Sequence[str], row: Sequence[object]) -> Iterator[str]:
    for name, value in zip(names, row, strict=True):
        if name == "token":
            yield shown_token(str(value))
        elif isinstance(value, list):
            yield value[0] if value else ""
        elif isinstance(value, float):
            yield "" if math.isnan(value) else f"{value:+.4f}"
        else:
            yield "" if _is_missing(value) else harmless(str(value))


def _is_missing(value: object) -> bool:
    return value is pd.NA or (isinstance(value, float) and math.isnan(value))


def shown_token(token: str) -> str:
    """A token for people, who are to see a space that it begins or ends with."""
    return f'"{harmless(token)}"' if token.strip(BLANK_SIGN) else "(blanks only)"
