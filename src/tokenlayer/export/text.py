"""A text file with a token on each line: what `initializer=vocabulary` reads, and a person."""

from __future__ import annotations

from pathlib import Path

import torch

from tokenlayer.atomic import new_folder
from tokenlayer.errors import InputError
from tokenlayer.inference.tables import TextTable
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.layer.vocabulary import BLANK_SIGN, Vocabulary
from tokenlayer.vocabularies.listed import encoded, read_patterns


def export(model: TrainedModel, output: Path, table: TextTable | None) -> str:
    """Write `tokens.txt` into a new folder: the tokens in their order, without the blanks behind them.

    Args:
        model: the model.
        output: the folder.
        table: None; there is nothing to measure.

    Returns:
        What the folder holds, in words.

    Raises:
        InputError: a token does not fit on a line, as one that holds the end of a line; texts are given; or the folder
            cannot be written.

    """
    no_texts(table, "text")
    with new_folder(output) as folder:
        n_tokens = _write(model, folder / "tokens.txt")
    return f"{n_tokens} tokens written to {output / 'tokens.txt'}: initializer=vocabulary reads them"


def no_texts(table: TextTable | None, form: str) -> None:
    """Raise InputError if texts are given, which a form has no use for."""
    if table is not None:
        raise InputError(f"--texts: --to {form} has no use for texts: leave them out")


def _write(model: TrainedModel, path: Path) -> int:
    """Write the tokens, read them back, and return how many they are."""
    vocabulary = model.network.tokenization.vocabulary()
    lines = [token.rstrip(BLANK_SIGN) or BLANK_SIGN for token in vocabulary.decode(model.alphabet)]
    try:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
        ngrams = [encoded(listed, model.alphabet) for listed in read_patterns(path)]
        whole = torch.equal(Vocabulary.of_ngrams(ngrams, vocabulary.max_token_length).codes, vocabulary.codes)
    except (InputError, ValueError) as error:  # ValueError: half a character, which no file can hold
        raise _cannot(model) from error
    if not whole:
        raise _cannot(model)
    return len(lines)


def _cannot(model: TrainedModel) -> InputError:
    return InputError(
        f"{model.place} cannot be exported to text: some of its tokens hold the end of a line, half a character, or "
        f"{BLANK_SIGN}, and could not be read back; take the run's patterns/step_<n>.json, or tokenlayer.load(…).tokens"
    )
