"""A trained model on texts: its own test texts, or those of another dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_only

from tokenlayer.atomic import replacing
from tokenlayer.data.loader import BatchLoader
from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import SPLITS, EncodedSplit, PreparedDataset
from tokenlayer.errors import InputError
from tokenlayer.terminal import console
from tokenlayer.tracking.dataset_input import record_dataset
from tokenlayer.tracking.lightning_logger import RecorderLogger
from tokenlayer.tracking.reading import download_artifact
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.training.build import restored_model
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.predictions_callback import Predictions
from tokenlayer.training.callbacks.token_effects_callback import TokenEffectsReport
from tokenlayer.training.checkpoint_loading import SavedModel
from tokenlayer.training.config import EvaluateConfig, TrainConfig
from tokenlayer.training.described import dataset_description
from tokenlayer.training.job import Job
from tokenlayer.training.module import TokenizationModule

_TOKENS_SHOWN = 10
_BATCH_SIZE = 32
_TRAIN_IDS = "dataset/train_ids.parquet"


def evaluate(job: Job[EvaluateConfig], saved: SavedModel, trained: TrainConfig) -> dict[str, float]:
    """Test a saved model; the result is an MLflow run of its own, a child of the run that trained the model.

    Args:
        job: dataset, split, device and store.
        saved: the checkpoint.
        trained: the configuration that it carries.

    Returns:
        Metrics `<split>/…`; `test/…` where all texts are evaluated.

    Raises:
        InputError: the data cannot be read, are not what the run was trained on any more, or have a class that
            the model does not know.

    """
    config = job.config
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
    train_ids = prepared.splits["train"].ids if is_own else recorded_train_ids(config, saved)
    seen = None if train_ids is None else int(np.isin(dataset.splits["test"].ids, train_ids).sum())
    metrics, run_id = _test(
        job, saved, TokenizationModule(restored_model(trained, saved, dataset.text_length)), dataset, split, seen
    )
    terminal = console(soft_wrap=True)
    result = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    terminal.print(f"{len(dataset.splits['test'])} texts ({split}): {result}")
    if seen is None:
        terminal.print("Whether the model was trained on some of them is not known: no run with a list of its texts.")
    elif seen:
        terminal.print(f"The model was trained on {seen} of them: on those, the figures say nothing of new texts.")
    terminal.print(f"run {run_id}")
    return metrics


def _test(
    job: Job[EvaluateConfig],
    saved: SavedModel,
    module: TokenizationModule,
    dataset: PreparedDataset,
    split: str,
    seen: int | None,
) -> tuple[dict[str, float], str]:
    """The metrics on the "test" texts of `dataset`, and the id of the run that holds them."""
    config = job.config
    parent = {} if saved.run_id is None else {"mlflow.parentRunId": saved.run_id}
    name = f"evaluate-{split}-{saved.run_id or Path(config.run).stem}"
    with Recorder.start(config.tracking, Path(config.output_dir).absolute(), run_name=name, tags=parent) as recorder:
        run = RunContext(recorder, dataset, job)
        recorder.log_params({"evaluated": config.run, "split": split, "dataset.fingerprint": dataset.fingerprint})
        record_dataset(recorder, dataset_description(job, dataset, "evaluation"))
        if seen is not None:
            recorder.log_metrics({"evaluation.seen_in_training": seen}, 0)
        callbacks: list[pl.Callback] = [Predictions(run), TokenEffectsReport(run, _TOKENS_SHOWN)]
        trainer = config.trainer.build(callbacks, _SplitLogger(recorder, split), recorder.root)
        loader = BatchLoader(dataset.splits["test"], config.dataset.batch_size or _BATCH_SIZE)
        trainer.test(module, dataloaders=loader, verbose=False)
        # Whatever it is given, Lightning's test calls it test; so do the callbacks.
        recorder.artifact("predictions/test.parquet").rename(recorder.artifact(f"predictions/{split}.parquet"))
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("test/")}
    return _named(metrics, split), recorder.run_id


class _SplitLogger(RecorderLogger):
    """Records what was tested under the name of its split."""

    def __init__(self, recorder: Recorder, split: str) -> None:
        super().__init__(recorder)
        self._split = split

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics(_named(metrics, self._split), step)


def _named(metrics: Mapping[str, float], split: str) -> dict[str, float]:
    phase = "test" if split == "all" else split
    return {name.replace("test/", f"{phase}/", 1): value for name, value in metrics.items()}


def record_train_ids(recorder: Recorder, dataset: PreparedDataset) -> None:
    """`dataset/train_ids.parquet`: the texts that a model is trained on, each by the hash of its content."""
    frame = pd.DataFrame({"text_id": dataset.splits["train"].ids})
    with replacing(recorder.artifact(_TRAIN_IDS)) as unfinished:
        frame.to_parquet(unfinished, index=False)


def recorded_train_ids(config: EvaluateConfig, saved: SavedModel) -> npt.NDArray[np.str_] | None:
    """What `record_train_ids` left with the run: (n,). None for a bare checkpoint, or a run without the list."""
    if saved.run_id is None:
        return None
    folder = Path(config.output_dir).absolute()
    try:
        path = download_artifact(saved.run_id, _TRAIN_IDS, uri=config.tracking.uri, output_dir=folder)
    except InputError:
        return None
    return pd.read_parquet(path)["text_id"].to_numpy(dtype=np.str_)


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
