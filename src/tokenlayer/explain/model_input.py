"""A text as the model sees it: cleaned, encoded and cut as its training texts were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tokenlayer.escaping import harmless
from tokenlayer.text.alphabet import NONE_SIGN, UNKNOWN_SIGN, Alphabet
from tokenlayer.text.cleaning import CleaningConfig, clean
from tokenlayer.text.encoding import encode_texts

_NAMED = 10  # characters that a note lists


@dataclass(frozen=True)
class ModelInput:
    """What is left of a text for the model."""

    codes: Tensor
    """(1, L) uint8 or int32, padded with "no character"."""
    signs: tuple[str, ...]
    """One for each character that the model sees, harmless to print; the padding is left out."""
    notes: tuple[str, ...]
    """What was changed, dropped or cut on the way, for people."""


def model_input(text: str, alphabet: Alphabet, cleaning: CleaningConfig, text_length: int) -> ModelInput:
    """The text, cleaned, encoded and cut to `text_length` (L) characters like the texts of a dataset."""
    cleaned = clean(text, cleaning)
    codes, _ = encode_texts([cleaned], alphabet, keep_alphabet=cleaning.keep_alphabet)
    cut = codes[:text_length]
    padded = np.full((1, text_length), alphabet.none_code, dtype=codes.dtype)
    padded[0, : len(cut)] = cut
    notes = [*_cleaned(text, cleaning), *_outside(cleaned, alphabet, dropped=cleaning.keep_alphabet)]
    if len(codes) > text_length:
        notes.append(f"cut: the model sees the first {text_length} of {len(codes)} characters")
    if not len(cut):
        notes.append("nothing is left: the model sees an empty text")
    dtype = torch.uint8 if padded.dtype == np.uint8 else torch.int32
    signs = tuple(harmless(sign) for sign in alphabet.decode(cut))
    return ModelInput(torch.from_numpy(padded.astype(np.int32)).to(dtype), signs, tuple(notes))


def _cleaned(text: str, cleaning: CleaningConfig) -> Iterator[str]:
    """The steps of cleaning that changed this text."""
    off = CleaningConfig(strip_br=False, lower_case=False, strip_punctuation=False)
    steps = {
        "strip_br": "line breaks <br /> to spaces",
        "lower_case": "to lower case",
        "strip_punctuation": "punctuation deleted",
    }
    done = []
    for step, said in steps.items():
        if getattr(cleaning, step):
            before, text = text, clean(text, replace(off, **{step: True}))
            done += [said] if text != before else []
    if done:
        yield f"cleaned as in training: {', '.join(done)}"


def _outside(cleaned: str, alphabet: Alphabet, *, dropped: bool) -> Iterator[str]:
    """The characters that are not in the alphabet, and what became of them."""
    known = set(alphabet.symbols)
    outside = [character for character in cleaned if character not in known]
    if not outside:
        return
    distinct = list(dict.fromkeys(outside))
    listed = " ".join(f"“{harmless(sign)}”" for sign in distinct[:_NAMED]) + (" …" if len(distinct) > _NAMED else "")
    if alphabet.has_unknown:
        fate = f"shown to the model as one and the same, {UNKNOWN_SIGN}"
    else:
        fate = "dropped" if dropped else f"no character to the model, {NONE_SIGN}"
    yield f"outside the model's alphabet, {fate}: {len(outside)} ({listed})"
