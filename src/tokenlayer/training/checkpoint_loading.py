"""Saved models, found by what the user typed."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tokenlayer.errors import InputError
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.format import check_format
from tokenlayer.tracking.reading import download_artifact, find_run_id


@dataclass(frozen=True)
class SavedModel:
    """A checkpoint, read."""

    weights: Mapping[str, torch.Tensor]
    """The module's state."""
    header: Mapping[str, Any]
    """What the checkpoint says of itself: `format`, `config`, `alphabet`, `class_names`, `fingerprint`."""
    run_id: str | None
    """The run it belongs to, None for a bare file."""

    def config(self) -> dict[str, Any]:
        """The configuration of the training, in plain containers.

        Raises:
            InputError: the checkpoint carries none.

        """
        found: dict[str, Any] = self.header["config"]
        if not found:
            raise InputError(
                "this checkpoint carries no configuration: it was made by a program, of parts that are no importable "
                "classes; give them as classes of a module, or use its weights in that program"
            )
        return found


def saved_model(run_or_checkpoint: str, tracking: TrackingConfig, output_dir: str) -> SavedModel:
    """The best checkpoint of a run (its last, where there was no validation), or that of a file.

    Args:
        run_or_checkpoint: id of a run, a unique beginning of it, or its name; or the path of a checkpoint.
        tracking: where runs are looked for.
        output_dir: holds the default store.

    Raises:
        InputError: there is no such run or file, or it is no checkpoint of tokenlayer, or of another format.

    """
    path = Path(run_or_checkpoint)
    if path.is_file():
        return _read(path, None)
    if path.suffix == ".ckpt" or len(path.parts) > 1:
        raise InputError(f"{run_or_checkpoint}: no such checkpoint file")
    folder = Path(output_dir).absolute()
    run_id = find_run_id(run_or_checkpoint, tracking.uri, output_dir=folder)
    for name in ("best.ckpt", "last.ckpt"):
        try:
            found = download_artifact(run_id, f"checkpoints/{name}", uri=tracking.uri, output_dir=folder)
        except InputError as error:
            missing = error
            continue
        return _read(found, run_id)
    raise missing


def _read(path: Path, run_id: str | None) -> SavedModel:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        saved = SavedModel(content["state_dict"], content["tokenlayer"], run_id)
    except (KeyError, TypeError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: no checkpoint of tokenlayer ({error})") from error
    check_format(saved.header.get("format"), str(path) if run_id is None else f"the checkpoint of run {run_id}")
    return saved
