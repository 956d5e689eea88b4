"""The tokens that a live view shows, side by side: those whose characters train by gradient, others by weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table
from rich.text import Text
from torch import Tensor

from tokenlayer.escaping import harmless
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary import BLANK_SIGN
from tokenlayer.models.logit_gradients import class_weights, logit_gradients, top_class
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.training.module import TokenizationModule, TrainingStep

WEIGHT = "weight"
_TEXTS = 8  # of the batch, on which the directions of the classes are measured: as little as the view may cost


@dataclass(frozen=True)
class Side:
    """A list of patterns under a heading."""

    heading: str
    unit: str
    patterns: Sequence[str]
    values: Sequence[str]
    matches: Sequence[int]
    """In the batch."""

    def cells(self, row: int) -> tuple[Text, str, str]:
        """Text, not str: a pattern may hold brackets, which are markup."""
        return Text(f'"{harmless(self.patterns[row])}"'), self.values[row], str(self.matches[row])


def side_by_side(left: Side, right: Side) -> Table:
    """Both lists in one table."""
    table = Table(box=None, padding=(0, 1))
    for side in (left, right):
        table.add_column(Text(harmless(side.heading)), no_wrap=True)
        table.add_column(side.unit, justify="right", no_wrap=True)
        table.add_column("matches", justify="right", no_wrap=True)
        if side is left:
            table.add_column("")
    for row in range(min(len(left.patterns), len(right.patterns))):
        table.add_row(*left.cells(row), "  ", *right.cells(row))
    return table


def pattern_sides(
    step: TrainingStep, module: TokenizationModule, alphabet: Alphabet, class_names: Sequence[str], top: int
) -> tuple[Side, Side]:
    """What there is to see of a step between its backward pass and its update, `top` patterns on each side."""
    gradient = module.model.tokenization.character_gradient()
    if gradient is not None:
        return _by_gradient(step.output.tokens, gradient.cpu().numpy(), alphabet, top)
    return _by_weight(step.output.tokens, module, alphabet, class_names, top)


def _by_gradient(tokens: Tokenized, gradient: np.ndarray, alphabet: Alphabet, top: int) -> tuple[Side, Side]:
    """The largest and the smallest gradient × 100, as in the original (seed document, "Making the Training Loop")."""
    order = np.argsort(gradient, kind="stable")
    values = [f"{value * 100:.5f}" for value in gradient]
    return (
        _side("largest gradient", "× 100", tokens, alphabet, order[::-1][:top], values),
        _side("smallest gradient", "× 100", tokens, alphabet, order[:top], values),
    )


def _by_weight(
    tokens: Tokenized, module: TokenizationModule, alphabet: Alphabet, class_names: Sequence[str], top: int
) -> tuple[Side, Side]:
    """The tokens that speak most for each of two classes; for several classes, the top tokens of all in two lists."""
    directions = logit_gradients(module.model, tokens.codes[:_TEXTS])
    weight, towards = _as_arrays(*top_class(class_weights(module.model.embedding.weight.detach(), directions)))
    if len(class_names) == 2:
        order = np.argsort(weight, kind="stable")
        values = [f"{value:+.4f}" for value in weight]
        return (
            _side(f"for {class_names[1]}", WEIGHT, tokens, alphabet, order[::-1][:top], values),
            _side(f"for {class_names[0]}", WEIGHT, tokens, alphabet, order[:top], values),
        )
    order = np.argsort(-weight, kind="stable")
    values = [f"{value:+.4f} {harmless(class_names[c])}" for value, c in zip(weight, towards, strict=True)]
    return (
        _side("top tokens", WEIGHT, tokens, alphabet, order[:top], values),
        _side("next", WEIGHT, tokens, alphabet, order[top : 2 * top], values),
    )


def _side(
    heading: str, unit: str, tokens: Tokenized, alphabet: Alphabet, token_ids: np.ndarray, values: Sequence[str]
) -> Side:
    """Only what is shown is decoded: all N patterns would cost more than the rest of the view."""
    shown = token_ids.tolist()
    patterns = tokens.vocabulary.take(shown).decode(alphabet)
    if unit == WEIGHT:  # the blanks behind a token say nothing; those of a pattern that moves may vanish any time
        patterns = [pattern.rstrip(BLANK_SIGN) for pattern in patterns]
    matches = tokens.matches.counts()[shown].tolist()
    return Side(heading, unit, patterns, [values[token_id] for token_id in shown], matches)


def _as_arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(tensor.cpu().numpy() for tensor in tensors)
