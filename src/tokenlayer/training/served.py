"""The model of a run as MLflow serves it: the weights that it was tested with, and nothing else that is in there."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.logged_model import ModelDescription, record_model
from tokenlayer.tracking.model_files import write_model_files
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.training.checkpoint_loading import MODEL, SavedModel, saved_model


def record_served(recorder: Recorder, description: ModelDescription, checkpoint: Path | None) -> bool:
    """Record the model of a run with the files that MLflow serves it from.

    There are none without a checkpoint, nor for a model that a program has made of parts that no configuration names.

    Args:
        recorder: the run's.
        description: the model.
        checkpoint: the one that the description names; None: it is damaged or gone.

    Returns:
        whether it has such files.

    """
    saved = None if checkpoint is None else saved_model(str(checkpoint), TrackingConfig(), "")
    if saved is None or not saved.header["config"]:
        record_model(recorder, description)
        return False
    with TemporaryDirectory(dir=recorder.scratch) as folder:
        made, weights = Path(folder, "model"), Path(folder, "weights.ckpt")
        write_weights(weights, saved)
        allowed = saved.header["config"].get("allow_targets", ())
        milliseconds = max((timestamp for _, _, timestamp, _ in description.metrics), default=0)
        write_model_files(made, weights, saved.header["class_names"], allowed, recorder.run_id, milliseconds)
        record_model(recorder, description, made)
    return True


def write_weights(path: Path, saved: SavedModel) -> None:
    """Write a checkpoint from which a model is loaded, but no training goes on: no optimizer, no rule, no loops."""
    weights = {name: value for name, value in saved.weights.items() if name.startswith(MODEL)}
    torch.save({"tokenlayer": dict(saved.header), "state_dict": weights}, path)
