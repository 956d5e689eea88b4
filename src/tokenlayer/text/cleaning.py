"""The original's cleaning of a text (its section "Getting & Preparing the Data"), each step a switch."""

import string
from dataclasses import dataclass

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass
class CleaningConfig:
    """The steps of cleaning, in this order, each of which may be left out."""

    strip_br: bool = True
    """Replace every HTML line break `<br />` by a space."""
    lower_case: bool = True
    """Turn letters to lower case."""
    strip_punctuation: bool = True
    """Delete ASCII punctuation."""
    keep_alphabet: bool = True
    """Delete characters without a category in the alphabet (none has, where the alphabet holds `<UNK>`)."""


def clean(text: str, config: CleaningConfig) -> str:
    """The steps that come before the alphabet is known; `encode_texts` does the last, `keep_alphabet`."""
    if config.strip_br:
        text = text.replace("<br />", " ")
    if config.lower_case:
        text = text.lower()
    if config.strip_punctuation:
        text = text.translate(_WITHOUT_PUNCTUATION)
    return text
