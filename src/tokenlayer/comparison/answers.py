"""The test texts of a run, and which of them it got right, as recorded in `predictions/test.parquet`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from tokenlayer.comparison.paired import Correct

PREDICTIONS = "predictions/test.parquet"
"""Artifact path."""
_ORDER = ["text_id", "label", "occurrence"]


@dataclass(frozen=True)
class Answers:
    """What a run made of its test texts."""

    texts: pd.MultiIndex
    """Id and label of each text, in order; one that occurs twice is there twice."""
    correct: Correct


def read_answers(path: Path) -> Answers:
    """Read a file of predictions.

    Raises:
        ValueError: the file is damaged, or holds something else.

    """
    try:
        predictions = pd.read_parquet(path, columns=["text_id", "label", "prediction"])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
    predictions["occurrence"] = predictions.groupby(["text_id", "label"]).cumcount()
    ordered = predictions.set_index(_ORDER).sort_index()
    texts = ordered.index
    assert isinstance(texts, pd.MultiIndex)
    labels = texts.get_level_values("label")
    return Answers(texts, (ordered["prediction"].to_numpy() == labels.to_numpy()).astype(bool))
