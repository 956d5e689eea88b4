"""The texts of a table that hold each token, by class, and some of the places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tokenlayer.errors import InputError
from tokenlayer.escaping import harmless
from tokenlayer.hints import listed, shortened
from tokenlayer.inference.reading import Indices
from tokenlayer.inference.tables import Chunk, TextTable
from tokenlayer.inference.trained_model import TrainedModel, one_thread
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.words import word_lengths
from tokenlayer.text.alphabet import Alphabet

EXAMPLES = "examples"
_SHOWN = 3  # examples of a token
_AROUND = 30  # characters before and behind it


@one_thread()
def counted_tokens(model: TrainedModel, table: TextTable) -> pd.DataFrame:
    """A row for each token of a model, in its order.

    Columns: `texts`, which hold it; `matches`, how often they do; `texts of <class>`, where the table has labels;
    `examples`, a list of some places, the token between brackets.

    Raises:
        InputError: a row cannot be read, or its label is no class of the model.

    """
    counts = _Counts(model)
    for chunk in table.chunks():
        labels = label_codes(model.class_names, chunk, table)
        for places, tokens in model.tokenized(chunk.texts):
            counts.add(tokens, None if labels is None else labels[places])
    return counts.frame()


def label_codes(class_names: Sequence[str], chunk: Chunk, table: TextTable) -> Indices | None:
    """The indices of the labels of some rows among the classes: (rows,). None: no column of labels is read.

    Raises:
        InputError: a label is none of the classes.

    """
    if not chunk.labels:
        return None
    code_of = {name: code for code, name in enumerate(class_names)}
    for label, line in zip(chunk.labels, chunk.lines, strict=True):
        if label not in code_of:
            raise InputError(
                f"{table.rows.place(line)}: the model knows no class {shortened(label)!r}, only {listed(class_names)}"
            )
    return np.array([code_of[label] for label in chunk.labels], dtype=np.int64)


class _Counts:
    """Sums over texts."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._N, self._C = model.network.tokenization.vocab_size, len(model.class_names)
        self._texts = torch.zeros(self._N, dtype=torch.int64)
        self._matches = torch.zeros(self._N, dtype=torch.int64)
        self._by_class = torch.zeros(self._N, self._C, dtype=torch.int64)
        self._examples: list[list[str]] = [[] for _ in range(self._N)]
        self._lacking = torch.ones(self._N, dtype=torch.bool)
        self._labelled = False

    def add(self, tokens: Tokenized, labels: Indices | None) -> None:
        """Count the texts of a batch; `labels` (b,) are theirs."""
        found = tokens.matches.distinct()
        self._texts += found.counts()
        self._matches += tokens.matches.counts()
        if labels is not None:
            self._labelled = True
            cells = found.token_id * self._C + torch.from_numpy(labels)[found.text]
            self._by_class += torch.bincount(cells, minlength=self._N * self._C).view(self._N, self._C)
        wanted = self._lacking[found.token_id].nonzero()[:, 0]
        lengths = word_lengths(tokens.vocabulary.codes)
        for text, begin, token_id in zip(
            found.text[wanted].tolist(),
            found.position[wanted].tolist(),
            found.token_id[wanted].tolist(),
            strict=True,
        ):
            examples = self._examples[token_id]
            if len(examples) < _SHOWN:
                end = begin + int(lengths[token_id])
                examples.append(in_context(tokens.codes[text], begin, end, self._model.alphabet))
                self._lacking[token_id] = len(examples) < _SHOWN

    def frame(self) -> pd.DataFrame:
        """What was counted."""
        columns: dict[str, object] = {"texts": self._texts.numpy(), "matches": self._matches.numpy()}
        if self._labelled:
            columns |= {
                f"texts of {name}": self._by_class[:, c].numpy() for c, name in enumerate(self._model.class_names)
            }
        return pd.DataFrame({**columns, EXAMPLES: self._examples})


def in_context(codes: Tensor, begin: int, end: int, alphabet: Alphabet) -> str:
    """A place in a text (W,) with what is around it, harmless to print: `…what is before[the place]behind…`."""
    before, inside, behind = place_in_text(codes, begin, end, alphabet)
    return f"{before}[{inside}]{behind}"


def place_in_text(codes: Tensor, begin: int, end: int, alphabet: Alphabet) -> tuple[str, str, str]:
    """What is before a place in a text (W,), what is there, and what is behind; harmless to print."""
    written = (codes != alphabet.none_code).nonzero()
    length = max(int(written[-1]) + 1 if len(written) else 0, begin)
    end = min(end, length)
    first, last = max(0, begin - _AROUND), min(length, end + _AROUND)
    before, inside, behind = (
        harmless(alphabet.decode(codes[a:b].tolist())) for a, b in ((first, begin), (begin, end), (end, last))
    )
    return f"{'…' if first else ''}{before}", inside, f"{behind}{'…' if last < length else ''}"
