"""A trained model as a folder of `config.json` and `model.safetensors`, as the Hugging Face hub has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tokenlayer.errors import InputError
from tokenlayer.hints import shortened
from tokenlayer.outside import check_installed

CONFIG, WEIGHTS = "config.json", "model.safetensors"
_HEADER, _STATES = "tokenlayer", "states"
_LARGEST_CONFIG = 1 << 26  # bytes


def is_model_folder(path: Path) -> bool:
    """True for a folder that is meant to hold a model; a name that no folder can have is none."""
    try:
        return path.is_dir() and any((path / name).is_file() for name in (CONFIG, WEIGHTS))
    except OSError:
        return False


def write_model_folder(folder: Path, header: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    """Write a model.

    Args:
        folder: an empty folder.
        header: what the model says of itself, in plain containers.
        weights: the state of its network: tensors, and what a matcher has learned, as text.

    Raises:
        InputError: safetensors is not installed.

    """
    _check_safetensors()
    from safetensors.torch import save_file  # an extra

    states = {name: value for name, value in weights.items() if not isinstance(value, torch.Tensor)}
    config = json.dumps({_HEADER: header, _STATES: states}, indent=1)
    (folder / CONFIG).write_text(f"{config}\n", encoding="utf-8")
    tensors = {name: value.contiguous() for name, value in weights.items() if name not in states}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def read_model_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `write_model_folder` has written: header and weights, not checked beyond their form.

    A file of weights says what it holds before it does; safetensors refuses one whose sizes do not fit each other or
    the file, and nothing in it is executed.

    Raises:
        InputError: a file is missing, damaged or of another kind, or safetensors is not installed.

    """
    _check_safetensors()
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(f"{folder} holds no {name}: it is no folder of save_pretrained, or a part of one")
    config = _read_config(folder / CONFIG)
    header, states = config.get(_HEADER), config.get(_STATES, {})
    if not isinstance(header, dict):
        raise InputError(f"{folder / CONFIG}: no model of tokenlayer: it says nothing of itself under `{_HEADER}`")
    if not isinstance(states, dict) or not all(isinstance(state, str) for state in states.values()):
        raise InputError(f"{folder / CONFIG} is damaged, or has been edited: `{_STATES}` are no texts; take another")
    return header, {**states, **_read_weights(folder / WEIGHTS)}


def _read_config(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _LARGEST_CONFIG:
        raise InputError(f"{path}: no model of tokenlayer: its configuration is larger than any")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        reason = shortened(str(error).splitlines()[0])
        raise InputError(f"{path}: no model of tokenlayer, or a damaged one ({reason})") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: no model of tokenlayer: it is no mapping")
    return found


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import safe_open  # an extra

    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except Exception as error:  # whatever the bytes of a file from elsewhere make it stumble over
        reason = shortened(str(error).splitlines()[0]) if str(error) else type(error).__name__
        raise InputError(f"{path}: no weights, or damaged ones ({reason})") from error


def _check_safetensors() -> None:
    check_installed("safetensors", "a model in a folder needs safetensors", extra="huggingface")
