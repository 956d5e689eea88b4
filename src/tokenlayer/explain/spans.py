"""The text in stretches of characters that the same tokens match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tokenlayer.explain.explanation import Explanation, Token


@dataclass(frozen=True)
class Span:
    """Neighbouring characters under the same tokens."""

    text: str
    """Harmless to print."""
    tokens: tuple[Token, ...]
    """Those with a match on these characters, the largest effect first."""

    @property
    def effect(self) -> float:
        """The sum of the tokens' effects, which the characters are coloured by."""
        return sum(token.effect for token in self.tokens)


def spans(explanation: Explanation) -> list[Span]:
    """The whole text, in order."""
    signs = explanation.seen.signs
    over: list[list[Token]] = [[] for _ in signs]
    for token in explanation.tokens:
        for place in token.characters:
            over[place].append(token)
    stretches = groupby(range(len(signs)), key=lambda place: [id(token) for token in over[place]])
    return [_span(signs, over, list(places)) for _, places in stretches]


def _span(signs: Sequence[str], over: Sequence[list[Token]], places: Sequence[int]) -> Span:
    return Span("".join(signs[place] for place in places), tuple(over[places[0]]))


def largest(parts: Sequence[Span], tokens: Sequence[Token]) -> float:
    """The size of the strongest effect, on a character or of a token: what is coloured strongest. 0 without tokens."""
    effects = [part.effect for part in parts] + [token.effect for token in tokens]
    return max(map(abs, effects), default=0.0)
