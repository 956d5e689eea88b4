"""Trained models, by what names them."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath

from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.training.checkpoint_loading import SavedModel, saved_model


def load(
    run: str | PathLike[str],
    *,
    tracking_uri: str | None = None,
    output_dir: str | PathLike[str] = "outputs",
    allow_targets: Sequence[str] = (),
) -> TrainedModel:
    """The model that a run has trained and tested: its best checkpoint; its last with `test_weights=last`,
    or where it had no validation.

    Args:
        run: id of the run, a unique beginning of it, or its name; or the path of a checkpoint, or of a folder that
            `TrainedModel.save_pretrained` has written.
        tracking_uri: the store of the runs; None: that of `output_dir`.
        output_dir: the folder that runs were written to.
        allow_targets: packages besides `tokenlayer` and `torch` that the model's configuration may name; to import
            them is to execute their code.

    Raises:
        InputError: there is no such run or file, more than one, or it holds no model.

    """
    return TrainedModel(find_saved(fspath(run), tracking_uri, fspath(output_dir)), allow_targets)


def find_saved(named: str, tracking_uri: str | None, output_dir: str) -> SavedModel:
    """What is saved of the model that a person or a program names: the one place that knows what may name one.

    Raises:
        InputError: as `load`.

    """
    return saved_model(named, TrackingConfig(tracking_uri), output_dir)
