"""A trained model on texts: its own test texts, or those of another dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytorch_lightning as pl
import torch
from rich.console import Console

from tokenlayer.data.loader import BatchLoader
from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import SPLITS, EncodedSplit, PreparedDataset
from tokenlayer.errors import InputError
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.keras import KerasAdam
from tokenlayer.tracking.lightning_logger import RecorderLogger
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.training.callbacks.base import RunContext, Settings
from tokenlayer.training.callbacks.predictions import Predictions
from tokenlayer.training.callbacks.token_effects import TokenEffectsReport
from tokenlayer.training.module import TokenizationModule
from tokenlayer.training.saved import SavedModel

if TYPE_CHECKING:
    from tokenlayer.config.schema import EvaluateConfig, TrainConfig

_TOKENS_SHOWN = 10


def evaluate(config: EvaluateConfig, saved: SavedModel, trained: TrainConfig) -> dict[str, float]:
    """Test a saved model; the result is an MLflow run of its own, a child of the run that trained the model.

    Args:
        config: dataset, split, device and store.
        saved: the checkpoint.
        trained: the configuration that it carries.

    Returns:
        `test/…` metrics.

    Raises:
        InputError: the data cannot be read, are not what the run was trained on any more, or have a class that
            the model does not know.

    """
    named_as_trained = config.dataset.asks_for_same_texts(trained.dataset)
    is_split = named_as_trained or config.split not in ("auto", "all")
    prepared = prepare(config.dataset, () if is_split else saved.header["class_names"])
    is_own = prepared.fingerprint == saved.header["fingerprint"]
    if not is_own and named_as_trained:
        raise InputError(
            "dataset: the data have changed since the model was trained on them (fingerprint "
            f"{saved.header['fingerprint'][:12]}, now {prepared.fingerprint[:12]}): restore them, or name the changed "
            "ones as another dataset, by dataset=… and its settings"
        )
    split = ("test" if is_own else "all") if config.split == "auto" else config.split
    dataset = only(prepared, split, saved.header["class_names"])
    module = restored(trained.model, saved, dataset.text_length)
    console = Console()
    parent = {} if saved.run_id is None else {"mlflow.parentRunId": saved.run_id}
    name = f"evaluate-{split}-{saved.run_id or Path(config.run).stem}"
    with Recorder.start(config.tracking, Path(config.output_dir).absolute(), run_name=name, tags=parent) as recorder:
        run = RunContext(recorder, dataset, Settings({}), console)
        recorder.log_params({"evaluated": config.run, "split": split, "dataset.fingerprint": dataset.fingerprint})
        callbacks: list[pl.Callback] = [Predictions(run), TokenEffectsReport(run, _TOKENS_SHOWN)]
        trainer = config.trainer.build(callbacks, RecorderLogger(recorder), recorder.root)
        loader = BatchLoader(dataset.splits["test"], config.dataset.batch_size)
        trainer.test(module, dataloaders=loader, verbose=False)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("test/")}
    texts = len(dataset.splits["test"])
    result = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    console.print(f"{texts} texts ({split}): {result}", highlight=False, soft_wrap=True)
    console.print(f"run {recorder.run_id}", highlight=False)
    return metrics


def restored(config: ModelConfig, saved: SavedModel, text_length: int) -> TokenizationModule:
    """The module of a checkpoint, with its weights."""
    C, K, _ = saved.weights["model.tokenization.patterns"].shape
    model = config.build(torch.zeros, K, C, text_length, len(saved.header["class_names"]))
    module = TokenizationModule(model, KerasAdam)
    model.load_state_dict({k.removeprefix("model."): v for k, v in saved.weights.items() if k.startswith("model.")})
    return module


def only(dataset: PreparedDataset, split: str, known_classes: Sequence[str]) -> PreparedDataset:
    """The dataset with the texts of `split` as its test texts, its labels as indices of the model's classes."""
    unknown = sorted(set(dataset.class_names) - set(known_classes))
    if unknown:
        raise InputError(
            f"dataset: the model knows no class {', '.join(unknown)}, only {', '.join(known_classes)}: leave those "
            "texts out, or give the labels its names"
        )
    index = np.array([list(known_classes).index(name) for name in dataset.class_names])
    parts = [dataset.splits[name] for name in SPLITS if split in (name, "all")]
    texts = EncodedSplit(
        codes=np.concatenate([part.codes for part in parts]),
        labels=index[np.concatenate([part.labels for part in parts])],
        ids=np.concatenate([part.ids for part in parts]),
    )
    return replace(dataset, splits={"test": texts}, class_names=tuple(known_classes))
