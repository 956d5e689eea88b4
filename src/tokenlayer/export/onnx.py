"""ONNX: a trained classifier for any program that has a runtime for it, without torch and without this package.

`model.onnx` takes codes and gives probabilities; `model.json` says how a text becomes codes.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from dataclasses import asdict
from pathlib import Path

import torch

from tokenlayer.atomic import new_folder
from tokenlayer.export.dense_classifier import DenseClassifier, dense_classifier
from tokenlayer.export.text import no_texts
from tokenlayer.inference.tables import TextTable
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.outside import check_installed

_NEEDED = ("onnx", "onnxscript")


def export(model: TrainedModel, output: Path, table: TextTable | None) -> str:
    """Write `model.onnx` and `model.json` into a new folder.

    The network takes `codes` (texts, width) int64 and gives `probabilities` (texts, classes) float32, in the order of
    `class_names` in `model.json`, where the steps from a text to its codes are written down, too.

    Args:
        model: the model.
        output: the folder.
        table: None; there is nothing to measure.

    Returns:
        What the folder holds, in words.

    Raises:
        InputError: the packages that write ONNX are missing, the model is not one that can be written, texts are given,
            or the folder cannot be written.

    """
    no_texts(table, "onnx")
    for package in _NEEDED:
        check_installed(package, f"--to onnx needs {package}", extra="onnx")
    network = dense_classifier(model)
    description = json.dumps(_description(model, network), indent=2)  # ASCII: half characters have a form in it, too
    program = _program(network)
    with new_folder(output) as folder:
        program.save(folder / "model.onnx")
        (folder / "model.json").write_text(f"{description}\n", encoding="ascii")
    return f"model.onnx, from codes to probabilities, and model.json, from texts to codes, written to {output}"


def _program(network: DenseClassifier) -> torch.onnx.ONNXProgram:
    K = network.max_token_length
    examples = torch.zeros(2, K + 5, dtype=torch.int64)
    texts, width = torch.export.Dim("texts"), torch.export.Dim("width", min=K + 1)
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # torch talks of its own insides
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (examples,),
                dynamo=True,
                input_names=["codes"],
                output_names=["probabilities"],
                dynamic_shapes={"codes": {0: texts, 1: width}},
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    assert program is not None, "what dynamo=True returns"
    return program


def _description(model: TrainedModel, network: DenseClassifier) -> dict[str, object]:
    return {
        "input": "codes: int64 (texts, width), width above `padding`; code i stands for alphabet[i], len(alphabet) for "
        "no character",
        "steps": [
            "strip_br: every <br /> becomes a space",
            "lower_case: to lower case",
            "strip_punctuation: ASCII punctuation goes",
            "keep_alphabet: characters that are not in the alphabet go; otherwise they have the code of <UNK>, if "
            "there is one, or that of no character",
            "the text is cut to text_length characters, and the code of no character put behind it: `padding` times, "
            "but no more than make text_length of a text that is so long or longer; all texts of a batch to one width",
        ],
        "cleaning": asdict(model.cleaning),
        "alphabet": list(model.alphabet.symbols),
        "text_length": model.text_length,
        "padding": network.max_token_length,
        "output": "probabilities: float32 (texts, classes), in the order of class_names",
        "class_names": list(model.class_names),
        "run": model.run_id,
    }
