"""A folder with a model's tokens that `transformers.AutoTokenizer.from_pretrained` loads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path

import torch
from torch import Tensor

from tokenlayer.atomic import new_folder
from tokenlayer.data.prepare import prepare
from tokenlayer.errors import InputError
from tokenlayer.export.card import Measured, tokenizer_card
from tokenlayer.export.overlaps import count_seen
from tokenlayer.export.tokenizer import Segmentation, segmentation
from tokenlayer.inference.tables import TextTable
from tokenlayer.inference.trained_model import TrainedModel, one_thread

_MOST_TEXTS, _AT_ONCE = 2000, 256


def export_tokenizer(model: TrainedModel, output: str | PathLike[str], table: TextTable | None = None) -> str:
    """Write `tokenizer.json`, `tokenizer_config.json` and the card `README.md` into a new folder.

    Args:
        model: the model.
        output: the folder, which is not there yet.
        table: texts on which to measure what a segmentation does not see; None: validation texts of the model's
            dataset, 2,000 at most, where they are to be had.

    Returns:
        What the folder holds, in words.

    Raises:
        InputError: the tokens are such as no tokenizer has, or a row of the table cannot be read, or the folder cannot
            be written.

    """
    made = segmentation(model.network.tokenization, model.alphabet, model.cleaning)
    measured = _measured(model, made, table)
    with new_folder(Path(output)) as folder:
        made.tokenizer.save(str(folder / "tokenizer.json"))
        config = json.dumps(tokenizer_config(made), indent=2)
        (folder / "tokenizer_config.json").write_text(f"{config}\n", encoding="utf-8")
        (folder / "README.md").write_text(tokenizer_card(model, made, measured), encoding="utf-8")
    return f"a tokenizer of {len(made.tokens)} tokens written to {fspath(output)}: {measured.sentence}"


export = export_tokenizer  # what the command calls, as in the modules of other formats


def tokenizer_config(made: Segmentation) -> dict[str, object]:
    """What transformers needs to know beside the tokenizer itself."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        # What a text says is text: `[PAD]` in it is five characters.
        "split_special_tokens": True,
        "clean_up_tokenization_spaces": False,
        **made.special,
    }


@one_thread()
def _measured(model: TrainedModel, made: Segmentation, table: TextTable | None) -> Measured:
    layer, alphabet = model.network.tokenization, model.alphabet
    if table is not None:
        return Measured(count_seen(layer, made, alphabet, _given(model, table)), "the texts that were given")
    try:
        validation = _validation(model)
    except InputError as error:
        return Measured(None, str(error))
    return Measured(count_seen(layer, made, alphabet, validation), "validation texts of its training")


def _given(model: TrainedModel, table: TextTable) -> Iterator[Tensor]:
    reader = model.reader()
    for chunk in table.chunks():
        for _, codes in reader.batches(chunk.texts):
            yield codes.long()


def _validation(model: TrainedModel) -> Iterator[Tensor]:
    """The codes of validation texts, which stand in a random order.

    Raises:
        InputError: they are not to be had, or others than the model was trained with.

    """
    data = prepare(model.dataset)
    if data.fingerprint != model.header["fingerprint"]:
        raise InputError("the texts are not those of its training any more")
    codes = data.splits["validation"].codes[:_MOST_TEXTS]
    parts = (codes[begin : begin + _AT_ONCE] for begin in range(0, len(codes), _AT_ONCE))
    return (torch.from_numpy(part.astype("int64")) for part in parts)
