"""The test texts of a run, and which of them it got right, as recorded in `predictions/test.parquet`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tokenlayer.comparison.paired import Correct

PREDICTIONS = "predictions/test.parquet"
"""Artifact path."""
TEXT, PREDICTION = ["text_id", "label"], "prediction"
"""Its columns of which there are answers."""


@dataclass(frozen=True)
class Answers:
    """What a run made of its test texts."""

    texts: pd.MultiIndex
    """Id and label of each text, in order; one that occurs twice is there twice."""
    correct: Correct


class AnswersReader:
    """Reads files of predictions; runs that were tested on the same texts share them in memory."""

    def __init__(self) -> None:
        self._known: list[tuple[pa.Table, npt.NDArray[np.intp], pd.MultiIndex]] = []
        """Texts as they stand in a file, their order, and the same in order."""

    def read(self, path: Path) -> Answers:
        """What a run made of its test texts.

        Raises:
            ValueError: the file is damaged, or holds something else.

        """
        return self.of(read_predictions(path))

    def of(self, predictions: pa.Table) -> Answers:
        """The same of a table of `read_predictions`."""
        right = pc.equal(predictions[PREDICTION], predictions["label"]).to_numpy()
        order, texts = self._ordered(predictions.select(TEXT))
        return Answers(texts, right[order].astype(bool))

    def _ordered(self, as_it_stands: pa.Table) -> tuple[npt.NDArray[np.intp], pd.MultiIndex]:
        """The order of the texts of a file, and the texts in order. Runs of one dataset mostly have the same file."""
        for known, order, texts in self._known:
            if known.equals(as_it_stands):
                return order, texts
        frame = as_it_stands.to_pandas()
        frame["occurrence"] = frame.groupby(TEXT).cumcount()
        frame = frame.sort_values([*TEXT, "occurrence"])
        order, found = frame.index.to_numpy(), pd.MultiIndex.from_frame(frame)
        same = next((texts for _, _, texts in self._known if texts.equals(found)), found)
        self._known.append((as_it_stands, order, same))
        return order, same


def read_predictions(path: Path) -> pa.Table:
    """The columns `text_id`, `label` and `prediction` of a file of predictions, as text.

    Raises:
        ValueError: the file is damaged, or holds something else.

    """
    try:
        table = pq.read_table(path, columns=[*TEXT, PREDICTION])
        return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
