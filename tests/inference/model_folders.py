"""Models as MLflow gets them, of settings of one's own, without a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saved_models import saved_model_of

from tokenlayer.tracking.model_files import write_model_files
from tokenlayer.training.checkpoint_loading import SavedModel
from tokenlayer.training.served import write_weights

RUN_ID = "0123456789abcdef0123456789abcdef"


def model_folder(folder: Path, *settings: str, without: Sequence[str] = (), allow_targets: Sequence[str] = ()) -> Path:
    """The folder of a model that MLflow loads."""
    return folder_of(saved_model_of(*settings, without=without), folder, allow_targets)


def folder_of(saved: SavedModel, folder: Path, allow_targets: Sequence[str] = ()) -> Path:
    """The folder of a model that was saved."""
    weights = folder.with_suffix(".saved") / "weights.ckpt"
    weights.parent.mkdir()
    write_weights(weights, saved)
    write_model_files(folder, weights, saved.header["class_names"], allow_targets, RUN_ID, 1_700_000_000_000)
    return folder
