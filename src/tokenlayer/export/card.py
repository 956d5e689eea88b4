"""The card of an exported tokenizer: what it is, how it segments, and what that costs."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass

from tokenlayer.escaping import markdown_text
from tokenlayer.export.overlaps import Seen
from tokenlayer.export.tokenizer import Segmentation
from tokenlayer.inference.trained_model import TrainedModel


@dataclass(frozen=True)
class Measured:
    """What a segmentation does not see of the layer's matches."""

    seen: Seen | None
    """None: it could not be measured."""
    what: str
    """The texts, or why there are none, in words."""

    @property
    def sentence(self) -> str:
        """The finding."""
        if self.seen is None:
            return f"what its segmentation does not see is not measured ({self.what})"
        return (
            f"{self.seen.unseen:.1%} of the {self.seen.n_matches:,} matches of the layer in {self.what} "
            f"({self.seen.n_texts:,}) are lost"
        )


def tokenizer_card(model: TrainedModel, made: Segmentation, measured: Measured) -> str:
    """The card, in Markdown with the head that the hub reads."""
    return _CARD.format(
        n_tokens=len(made.tokens),
        n_characters=len(made.characters),
        classes="\n".join(f"- {markdown_text(name)}" for name in model.class_names),
        version=importlib.metadata.version("tokenlayer"),
        run=f" in the run `{model.run_id}`" if model.run_id else "",
        cleaning="\n".join(f"- {step}" for step in _cleaning(model)),
        unknown=_unknown(model, made),
        left_out=_left_out(made),
        special=", ".join(f"`{name}`" for name in made.special.values()),
        measured=_cost(measured),
        text_length=model.text_length,
    )


def _cleaning(model: TrainedModel) -> Iterator[str]:
    cleaning = model.cleaning
    if cleaning.strip_br:
        yield "the HTML line break `<br />` becomes a space"
    if cleaning.lower_case:
        yield "letters become lower case"
    if cleaning.strip_punctuation:
        yield "ASCII punctuation is deleted"
    if model.alphabet.has_unknown:
        yield "all characters outside the alphabet become one"
    elif cleaning.keep_alphabet:
        yield "characters outside the alphabet are deleted"
    if not (cleaning.strip_br or cleaning.lower_case or cleaning.strip_punctuation or cleaning.keep_alphabet):
        yield "nothing"


def _unknown(model: TrainedModel, made: Segmentation) -> str:
    if model.alphabet.has_unknown or model.cleaning.keep_alphabet:
        return f"No text has a `{made.special['unk_token']}`."
    return f"A character outside the alphabet is a `{made.special['unk_token']}`."


def _left_out(made: Segmentation) -> str:
    if not made.n_impossible:
        return ""
    return f" {made.n_impossible} tokens of the layer are left out: they hold characters that cleaning takes away."


def _cost(measured: Measured) -> str:
    seen = measured.seen
    if seen is None:
        return f"It has not been measured here: {markdown_text(measured.what)}."
    share = seen.n_characters / seen.n_pieces if seen.n_pieces else 0.0
    return (
        f"In {measured.what} ({seen.n_texts:,} texts, cut as the classifier cuts them) the layer marks "
        f"{seen.n_matches:,} places, of which the segmentation has {seen.n_segmented:,}: **{seen.unseen:.1%} of the "
        f"matches are not seen**. A piece, a token or a character, has {share:.2f} characters on average."
    )


_CARD = """\
---
library_name: transformers
tags:
- tokenlayer
- tokenizer
---

# A tokenizer of tokens that a classifier has learned

These {n_tokens:,} tokens were trained by tokenlayer {version}{run}, together with a classifier of texts into

{classes}

This folder is the tokenizer alone, without the classifier. It needs no code of tokenlayer:

```python
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("this/folder")
tokenizer("A text", return_offsets_mapping=True)
```

## How it segments

A text is cleaned first; offsets are those of the text as it was.

{cleaning}

Then the longest token that stands at a place is taken, from left to right; where none does, one of {n_characters:,}
characters. {unknown}{left_out}

{special} have numbers for models that need them. None is found in a text, where such a string is text like any other;
none is put around a text.

## What it does not see

The layer marks every place where a token stands, and its matches may overlap. A segmentation cannot: of tokens that
overlap it has the one that begins first, and of those the longest. {measured}

For scale: of 500 tokens that were learned from the IMDB reviews a segmentation has 69 % of the matches, and the linear
classifier that reads no others is right about 86.5 % of the test texts, in place of 87.8 %.

The classifier read the first {text_length:,} characters of a text, after cleaning; the tokenizer reads all.
"""
