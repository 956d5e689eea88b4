"""Saved models, found by what the user typed."""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tokenlayer.errors import InputError
from tokenlayer.hints import shortened
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.format import check_format
from tokenlayer.training.model_folder import is_model_folder, read_model_folder

MODEL = "model."
"""The beginning of the names of a model's weights."""
_DEEPEST = 40


@dataclass(frozen=True)
class SavedModel:
    """A checkpoint, or a folder of `save_pretrained`, read."""

    weights: Mapping[str, torch.Tensor]
    """The module's state."""
    header: Mapping[str, Any]
    """What the checkpoint says of itself: `format`, `config`, `alphabet`, `class_names`, `fingerprint`."""
    run_id: str | None
    """The run it belongs to, None for a bare file."""
    place: str
    """Names it in messages."""

    def edited(self, what: str) -> InputError:
        """The error of a checkpoint that says what cannot be: a file is damaged, or somebody has changed it."""
        return InputError(f"{self.place} is damaged, or has been edited: {what}; take another")

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
    """The checkpoint that a run was tested with (see `test_weights`), or that of a file or folder.

    By default that is its best, or its last where there was no validation.

    Args:
        run_or_checkpoint: id of a run, a unique beginning of it, or its name; or the path of a checkpoint, or of a
            folder that `TrainedModel.save_pretrained` has written.
        tracking: where runs are looked for.
        output_dir: holds the default store.

    Raises:
        InputError: there is no such run or file, or it is no checkpoint of tokenlayer, or of another format.

    """
    path = Path(run_or_checkpoint)
    if _is_file(path):
        return _read(path, None)
    if is_model_folder(path):
        return saved_folder(path)
    if path.suffix == ".ckpt" or len(path.parts) > 1:
        raise InputError(
            f"{shortened(run_or_checkpoint)}: no such checkpoint file, and no folder with the config.json and "
            "model.safetensors of a model"
        )
    # With MLflow behind it.
    from tokenlayer.tracking.reading import download_artifact, find_run_params, load_resolved_config

    folder = Path(output_dir).absolute()
    try:
        run_id, params = find_run_params(run_or_checkpoint, tracking.uri, output_dir=folder)
    except InputError as error:
        what = f"; and the folder {path} has no config.json and model.safetensors of a model" if path.is_dir() else ""
        raise InputError(f"{error}{what}") from error
    if "evaluated" in params:
        raise InputError(f"run {run_id} is an evaluation, and has no model: name {params['evaluated']}")
    try:
        tested = load_resolved_config(run_id, uri=tracking.uri, output_dir=folder).get("test_weights")
    except InputError:  # a run that was made by something else, or by hand
        tested = None
    for name in ("last.ckpt",) if tested == "last" else ("best.ckpt", "last.ckpt"):
        try:
            found = download_artifact(run_id, f"checkpoints/{name}", uri=tracking.uri, output_dir=folder)
        except InputError as error:
            missing = error
            continue
        return _read(found, run_id)
    raise InputError(f"run {run_id} has no model: {missing}") from missing


def saved_folder(folder: Path) -> SavedModel:
    """The model in a folder that `TrainedModel.save_pretrained` has written.

    Raises:
        InputError: there is none.

    """
    header, weights = read_model_folder(folder)
    return _checked(SavedModel({f"{MODEL}{name}": value for name, value in weights.items()}, header, None, str(folder)))


def _is_file(path: Path) -> bool:
    """Whether there is such a file; of a name that no file can have there is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path, run_id: str | None) -> SavedModel:
    place = str(path) if run_id is None else f"the checkpoint of run {run_id}"
    content = _unpickled(path, place)
    if not isinstance(content, dict) or not isinstance(content.get("tokenlayer"), dict):
        raise InputError(f"{place}: no checkpoint of tokenlayer: it says nothing of itself under `tokenlayer`")
    weights: Any = content.get("state_dict")
    return _checked(SavedModel(weights, content["tokenlayer"], run_id, place))


def _checked(saved: SavedModel) -> SavedModel:
    """A saved model whose parts are of the kinds that they have to be."""
    check_format(saved.header.get("format"), saved.place)
    for wrong in _wrong_in(saved):
        raise saved.edited(wrong)
    return saved


def _unpickled(path: Path, place: str) -> Any:
    """What torch reads: tensors and plain containers. Nothing is executed, and nothing unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise InputError(f"{place}: no checkpoint of tokenlayer, or a damaged one ({error})") from error
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise InputError(f"{place}: no checkpoint of tokenlayer: torch does not compress what it saves")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the bytes of a file from elsewhere make torch's unpickler stumble over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{place}: no checkpoint of tokenlayer, or a damaged one ({shortened(reason)})") from error


def _wrong_in(saved: SavedModel) -> Iterator[str]:
    """What is not as `checkpoint_header` and a module made it."""
    header, weights = saved.header, saved.weights
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
        yield "it holds no weights"
    elif not all(
        isinstance(value, torch.Tensor) and not value.is_meta
        for name, value in weights.items()
        if name.startswith(MODEL) and not name.endswith("_extra_state")  # what a matcher of segmentations has learned
    ):
        yield "some of its weights are no tensors"
    if not isinstance(header.get("config"), dict) or not _is_plain(header["config"]):
        yield "`config` is no configuration"
    names, longest, chars = header.get("class_names"), header.get("max_token_length"), header.get("alphabet")
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(name, str) for name in names):
        yield "`class_names` is no list of two names or more"
    if not isinstance(header.get("fingerprint"), str):
        yield "`fingerprint` is no text"
    if not isinstance(longest, int) or longest < 1:
        yield "`max_token_length` is no length"
    try:
        Alphabet(chars if isinstance(chars, str) else "")
    except InputError as error:
        yield f"`alphabet`: {error}"


def _is_plain(value: object, levels: int = _DEEPEST) -> bool:
    """Whether a value could stand in YAML; not if it holds itself, which pickles may."""
    if isinstance(value, dict):
        return levels > 0 and all(isinstance(k, str) and _is_plain(v, levels - 1) for k, v in value.items())
    if isinstance(value, list):
        return levels > 0 and all(_is_plain(item, levels - 1) for item in value)
    return value is None or isinstance(value, str | int | float)
