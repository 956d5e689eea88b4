"""What the model says of every test text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from torch import Tensor

from tokenlayer.atomic import replacing
from tokenlayer.data.types import PreparedDataset
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback
from tokenlayer.training.metrics import predictions as predicted_classes


class Predictions(RunCallback):
    """`predictions/test.parquet`: text id (hash of its content), label, prediction, probability of each class."""

    def __init__(self, run: RunContext) -> None:
        super().__init__(run)
        self._out: list[Tensor] = []

    def on_test_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._out = []

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._out.append(outputs.cpu())

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        frame = predictions_frame(torch.cat(self._out), self.run.dataset)
        self._out = []
        with replacing(self.recorder.artifact("predictions/test.parquet")) as unfinished:
            frame.to_parquet(unfinished, index=False)


def predictions_frame(out: Tensor, dataset: PreparedDataset) -> pd.DataFrame:
    """A row for each test text.

    Args:
        out: (n,) probability of class 1, or (n, n_classes), of the first n test texts.
        dataset: the data.

    """
    split = dataset.splits["test"]
    n = len(out)  # fewer than the split has where the trainer limits the test batches
    names = np.array(dataset.class_names)
    probabilities = out.double() if out.dim() == 2 else torch.stack([1 - out.double(), out.double()], dim=1)
    columns: dict[str, Any] = {
        "text_id": split.ids[:n],
        "label": names[split.labels[:n]],
        "prediction": names[predicted_classes(out).numpy()],
    }
    columns |= {f"probability_{name}": probabilities[:, i].numpy() for i, name in enumerate(names)}
    return pd.DataFrame(columns)
