"""`tokenlayer predict`: a table of texts, with what a model says of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenlayer.errors import InputError
from tokenlayer.inference.table_writing import table_writer
from tokenlayer.inference.tables import Chunk, TextTable
from tokenlayer.inference.trained_model import TrainedModel

PREDICTION = "prediction"


def predict_table(model: TrainedModel, table: TextTable, output: Path | None) -> int:
    """Write all rows of a table with the columns `prediction` and `probability_<class>` behind their own.

    These have the names that they have in a run's `predictions/test.parquet`.

    Args:
        model: the model.
        table: the texts.
        output: a new file: CSV, TSV, JSONL or Parquet, by its ending; None: CSV to standard output.

    Returns:
        The number of rows.

    Raises:
        InputError: a row cannot be read or written. There is no file then; what went to standard output has gone.

    """
    n_rows = 0
    with table_writer(output, table.rows) as writer:
        for chunk in table.chunks():
            writer.write(list(_with_predictions(model, chunk, table)), chunk.lines, table.rows.path)
            n_rows += len(chunk.rows)
    return n_rows


def _with_predictions(model: TrainedModel, chunk: Chunk, table: TextTable) -> Iterator[dict[str, Any]]:
    probabilities = model.predict_proba(chunk.texts)
    predicted = model.classes(probabilities).tolist()
    columns = probability_columns(model.class_names)
    _check_free(chunk, [PREDICTION, *columns], table)
    for row, name, of_classes in zip(chunk.rows, predicted, probabilities.tolist(), strict=True):
        yield {**row, PREDICTION: name, **dict(zip(columns, of_classes, strict=True))}


def probability_columns(class_names: Iterable[str]) -> list[str]:
    """The names of the columns of probabilities."""
    return [f"probability_{name}" for name in class_names]


def _check_free(chunk: Chunk, added: Sequence[str], table: TextTable) -> None:
    for row, line in zip(chunk.rows, chunk.lines, strict=True):
        for name in added:
            if name in row:
                raise InputError(f"{table.rows.place(line)}: there is a column {name!r} already: rename it")
