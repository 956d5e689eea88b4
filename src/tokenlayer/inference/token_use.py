"""A token in the texts of a table: where it occurs, and what the model would say without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tokenlayer.errors import InputError
from tokenlayer.escaping import harmless
from tokenlayer.explain.token_page import Occurrence, TokenUse
from tokenlayer.hints import did_you_mean, near, shortened
from tokenlayer.inference.counted_tokens import label_codes, place_in_text
from tokenlayer.inference.tables import Chunk, TextTable
from tokenlayer.inference.token_listing import shown_token
from tokenlayer.inference.trained_model import TrainedModel, one_thread
from tokenlayer.layer.matching import Matches
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary import BLANK_SIGN
from tokenlayer.layer.words import word_lengths

_SHOWN = 50  # texts


@dataclass(frozen=True)
class _Found:
    """A text that holds the token."""

    line: int
    label: str | None
    where: tuple[str, str, str]
    change: Tensor
    """(n_outputs,) of the logits."""
    before: Tensor
    """(C,) probabilities with the token."""
    after: Tensor
    """(C,) without."""

    @property
    def is_decided(self) -> bool:
        """True if the class is another one without the token."""
        return int(self.before.argmax()) != int(self.after.argmax())

    @property
    def rank(self) -> tuple[bool, float, int]:
        """What it is sorted by: those that the token decides first, then by how much it changes."""
        return (not self.is_decided, -float((self.before - self.after).abs().sum()), self.line)


def places_of(model: TrainedModel, token: str) -> list[int]:
    """The places of a token among the N of a model: several where the vocabulary has it several times.

    Raises:
        InputError: it has no such token; names those that come near it.

    """
    tokens = model.tokens["token"].tolist()
    wanted = token.rstrip(BLANK_SIGN)
    found = [place for place, known in enumerate(tokens) if known == wanted]
    if not found:
        nearest = did_you_mean([shown_token(known) for known in near(wanted, tokens)])
        raise InputError(
            f"--token {shown_token(shortened(token))}: the model has no such token{nearest}; see tokenlayer tokens"
        )
    return found


@one_thread()
@torch.no_grad()
def token_use(model: TrainedModel, token: str, table: TextTable) -> TokenUse:
    """Predict the texts that hold a token with it and without it.

    Args:
        model: the model.
        token: one of its tokens, `█` for a blank; of equal ones all are left out.
        table: the texts.

    Raises:
        InputError: the model has no such token, a row cannot be read, or its label is no class of the model.

    """
    places = torch.tensor(places_of(model, token))
    sums = _Sums(model, labelled=table.has_labels)
    for chunk in table.chunks():
        labels = label_codes(model.class_names, chunk, table)
        sums.n_texts += len(chunk.texts)
        if labels is not None:
            sums.by_class[:, 1] += np.bincount(labels, minlength=len(model.class_names))
        for rows, tokens in model.tokenized(chunk.texts):
            sums.n_matches += int(torch.isin(tokens.matches.token_id, places).sum())
            for row, found in _found(model, tokens, places, chunk, rows.tolist()):
                sums.add(found, None if labels is None else int(labels[row]))
        sums.forget()
    return sums.use(shown_token(token.rstrip(BLANK_SIGN)))


class _Sums:
    """What is added up over the texts, and the texts that tell most so far."""

    def __init__(self, model: TrainedModel, *, labelled: bool) -> None:
        self._model = model
        self._labelled = labelled
        self.n_texts = self.n_matches = self.n_holding = self.n_decided = 0
        self.by_class = np.zeros((len(model.class_names), 2), dtype=np.int64)
        """(C, 2): the texts of each class that hold the token, and all of them."""
        self._change = torch.zeros(model.network.n_outputs, dtype=torch.float64)
        self._best: list[_Found] = []

    def add(self, found: _Found, label: int | None) -> None:
        """Take a text that holds the token."""
        self.n_holding += 1
        self.n_decided += found.is_decided
        self._change += found.change.double()
        self._best.append(found)
        if label is not None:
            self.by_class[label, 0] += 1

    def forget(self) -> None:
        """Let the texts go that tell less than others."""
        self._best = sorted(self._best, key=lambda found: found.rank)[:_SHOWN]

    def use(self, token: str) -> TokenUse:
        """The result."""
        mean = self._change / max(self.n_holding, 1)
        effect = _Effect.of(mean, self._model)
        names = [harmless(name) for name in self._model.class_names]
        by_class = [(names[c], int(self.by_class[c, 0]), int(self.by_class[c, 1])) for c in range(len(names))]
        return TokenUse(
            token=token,
            towards=effect.towards,
            scale=effect.scale,
            n_texts=self.n_texts,
            n_holding=self.n_holding,
            n_matches=self.n_matches,
            n_decided=self.n_decided,
            mean_effect=effect.in_text(mean),
            by_class=by_class if self._labelled else (),
            occurrences=[_occurrence(found, effect, names) for found in self._best],
        )


def _found(
    model: TrainedModel, tokens: Tokenized, places: Tensor, chunk: Chunk, rows: list[int]
) -> Iterator[tuple[int, _Found]]:
    """The texts of a batch that hold the token, each with its place in the chunk; `rows` are the places of all."""
    matches = tokens.matches
    is_it = torch.isin(matches.token_id, places)
    if not bool(is_it.any()):
        return
    others = Matches(matches.text[~is_it], matches.position[~is_it], matches.token_id[~is_it], matches.shape)
    head, embedding = model.network.head, model.network.embedding
    logits = head(tokens, embedding).logits
    without = head(replace(tokens, matches=others), embedding).logits
    before, after = model.probabilities(logits), model.probabilities(without)
    lengths = word_lengths(tokens.vocabulary.codes)
    seen: set[int] = set()
    for text, begin, token_id in zip(
        matches.text[is_it].tolist(), matches.position[is_it].tolist(), matches.token_id[is_it].tolist(), strict=True
    ):
        if text in seen:
            continue
        seen.add(text)
        row = rows[text]
        where = place_in_text(tokens.codes[text], begin, begin + int(lengths[token_id]), model.alphabet)
        label = harmless(chunk.labels[row]) if chunk.labels else None
        yield row, _Found(chunk.lines[row], label, where, logits[text] - without[text], before[text], after[text])


@dataclass(frozen=True)
class _Effect:
    """What a change of the logits is called."""

    towards: str
    scale: str
    output: int
    """The logit that counts; of several, against the mean of all."""

    @classmethod
    def of(cls, mean: Tensor, model: TrainedModel) -> _Effect:
        """From the mean change (n_outputs,): of several logits, the one that gains most counts."""
        names = [harmless(name) for name in model.class_names]
        if len(mean) == 1:
            towards = names[int(mean[0] > 0)]
            return cls(towards if bool(mean[0] != 0) else "", f"the logit of {names[1]}", 0)
        output = int((mean - mean.mean()).argmax())
        towards = names[output] if bool((mean != 0).any()) else ""
        return cls(towards, f"the logit of {names[output]}, against the mean of all classes", output)

    def in_text(self, change: Tensor) -> float:
        """The effect in a text, from its change (n_outputs,)."""
        return float(change[0] if len(change) == 1 else change[self.output] - change.mean())


def _occurrence(found: _Found, effect: _Effect, names: list[str]) -> Occurrence:
    before, after = int(found.before.argmax()), int(found.after.argmax())
    return Occurrence(
        line=found.line,
        where=found.where,
        effect=effect.in_text(found.change),
        predicted=(names[before], names[after]),
        probabilities=(float(found.before[before]), float(found.after[after])),
        label=found.label,
    )
