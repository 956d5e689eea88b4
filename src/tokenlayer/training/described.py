"""A run in MLflow beside its figures: the dataset that it read, and the model that it made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pandas as pd

from tokenlayer.data.types import PreparedDataset
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.dataset_input import DatasetDescription, described
from tokenlayer.tracking.logged_model import ModelDescription, model_name
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.registry import Registration
from tokenlayer.training.callbacks.checkpoints_callback import Kept
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job

_OPTIONS = ("dataset", "initializer", "learning_rule", "model", "model/head", "model/reader")


def run_name(job: Job[TrainConfig]) -> str:
    """What tells the run from its neighbours in a list: experiment or dataset, initializer, seed."""
    choices = job.choices
    first = choices.get("experiment") or choices.get("dataset", "run")
    return f"{first}-{choices.get('initializer', 'custom')}-seed{job.config.seed}"


def dataset_description(
    job: Job[Any], dataset: PreparedDataset, context: Literal["training", "evaluation"]
) -> DatasetDescription:
    """The dataset by the name of its file, else of its option, with its texts counted."""
    config = job.config.dataset
    place = config.place()
    option = job.choices.get("dataset") or type(config).__name__.removesuffix("Config").lower()
    name = option if place is None or "://" in place else Path(place).name
    texts: dict[str, int] = {name: len(split) for name, split in dataset.splits.items()}
    return described(name, dataset.fingerprint, context, place, texts, dataset.class_names)


def model_description(
    job: Job[TrainConfig], recorder: Recorder, model: Kept, dataset: DatasetDescription, *, is_tested: bool
) -> ModelDescription:
    """The checkpoint that is the run's model, with the figures of its validation and, if it was tested, of the test.

    Args:
        job: the run's.
        recorder: has the figures.
        model: the checkpoint.
        dataset: that of the run.
        is_tested: whether the test was one of this checkpoint.

    """
    options = {group.replace("/", "."): job.choices[group] for group in _OPTIONS if group in job.choices}
    settings = {"model.vocab_size": str(job.config.model.vocab_size), "seed": str(job.config.seed)}
    return ModelDescription(
        name=model_name(job.config.tracking.run_name or run_name(job)),
        checkpoint=model.artifact,
        step=model.step,
        params=options | settings,
        metrics=_figures(recorder.load_metrics(), model.step, is_tested),
        dataset=(dataset.name, dataset.digest),
        registration=_registration(job.config.tracking),
    )


def _registration(tracking: TrackingConfig) -> Registration | None:
    name = tracking.registered_model
    return None if name is None else Registration(name, tracking.model_alias)


def _figures(metrics: pd.DataFrame, step: int, is_tested: bool) -> list[tuple[str, float, int, int]]:
    """The rows of the checkpoint: logged with the last step before it; the latest test is its own."""
    is_its_own = metrics["key"].str.startswith("validation/") & (metrics["step"] == step - 1)
    if is_tested:
        is_its_own |= metrics["key"].str.startswith("test/")
    rows = metrics[is_its_own].sort_values(["step", "timestamp"]).drop_duplicates("key", keep="last").sort_values("key")
    columns = (rows[name].tolist() for name in ("key", "value", "timestamp", "step"))
    return list(zip(*columns, strict=True))
