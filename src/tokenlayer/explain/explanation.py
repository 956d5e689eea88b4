"""The tokens that a model finds in a text, and what each does to the logit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.escaping import harmless
from tokenlayer.explain.model_input import ModelInput
from tokenlayer.layer.matching import Matches
from tokenlayer.layer.vocabulary import BLANK_SIGN, Vocabulary
from tokenlayer.models.effects import EffectMeter
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.text.alphabet import BLANK, Alphabet


@dataclass(frozen=True)
class Token:
    """A token that matches in the text."""

    pattern: str
    """Its characters, harmless to print, blanks as `█` but none at the end; empty: it is all blanks."""
    matches: int
    """The number of its matches."""
    effect: float
    """The logit with its matches minus the logit without them, see `Explanation.scale`."""
    towards: str
    """The class that it speaks for, "" where it changes nothing."""
    characters: frozenset[int]
    """The characters of the text that one of its matches holds; those under its blanks are left out."""

    @property
    def quoted(self) -> str:
        """The token for people, who are to see a space that it begins or ends with."""
        return f'"{self.pattern}"' if self.pattern else "(blanks only)"


@dataclass(frozen=True)
class Explanation:
    """A text, what the model says of it, and why."""

    seen: ModelInput
    class_names: tuple[str, ...]
    """Harmless to print."""
    probabilities: tuple[float, ...]
    """The probability of each class."""
    poles: tuple[str, str]
    """What an effect below 0 speaks for, and what one above 0: classes for a sigmoid, "against" and "for" else."""
    scale: str
    """What effects are changes of, in words."""
    tokens: tuple[Token, ...]
    """Those that match in the text, the largest effect first."""

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """Classes and their probabilities, the most probable first."""
        return sorted(zip(self.class_names, self.probabilities, strict=True), key=lambda pair: -pair[1])

    @property
    def predicted(self) -> str:
        """The most probable class."""
        return self.ranked[0][0]


@dataclass(frozen=True)
class _Effects:
    """The effects of the N tokens on one text."""

    effect: list[float]
    towards: list[str]
    poles: tuple[str, str]
    scale: str


@torch.no_grad()
def explain(
    model: TokenizationClassifier, seen: ModelInput, alphabet: Alphabet, class_names: Sequence[str]
) -> Explanation:
    """Predict a text and find the effect of each of its tokens, by exact re-evaluation without it.

    Args:
        model: the classifier; it is set to evaluation mode.
        seen: the text.
        alphabet: the model's.
        class_names: the model's, in its order.

    """
    model.eval()
    classes = tuple(map(harmless, class_names))
    found = model(seen.codes)
    meter = EffectMeter(model)
    meter.update(seen.codes)
    measured = meter.compute()  # of one text: the mean over the texts is its own
    out = found.probabilities[0].double()
    probabilities = torch.stack([1 - out, out]) if model.n_outputs == 1 else out
    effects = _effects(measured.effect, classes, int(probabilities.argmax()))
    vocabulary = found.tokens.vocabulary
    tokens = [
        Token(
            pattern=_shown(vocabulary, token_id, alphabet),
            matches=int(measured.matches[token_id]),
            effect=effects.effect[token_id],
            towards=effects.towards[token_id],
            characters=_characters(vocabulary.codes[token_id], found.tokens.matches, token_id, len(seen.signs)),
        )
        for token_id in measured.matches.nonzero()[:, 0].tolist()
    ]
    tokens.sort(key=lambda token: -abs(token.effect))
    return Explanation(seen, classes, tuple(probabilities.tolist()), effects.poles, effects.scale, tuple(tokens))


def _effects(change: Tensor, classes: tuple[str, ...], predicted: int) -> _Effects:
    """Changes of the logits (N, n_outputs) as one number a token.

    A sigmoid has one logit, that of the second class. Of several the predicted class' counts, against the mean of all:
    what moves them all alike moves no probability.
    """
    if change.shape[1] == 1:
        effect = change[:, 0]
        for_class = (effect > 0).long()
        poles, scale = (classes[0], classes[1]), f"the logit of {classes[1]}"
    else:
        relative = change - change.mean(1, keepdim=True)
        effect = relative[:, predicted]
        for_class = relative.argmax(1)
        name = classes[predicted]
        poles, scale = (f"against {name}", f"for {name}"), f"the logit of {name}, against the mean of all classes"
    changes = change.ne(0).any(1).tolist()
    towards = [classes[index] if moved else "" for index, moved in zip(for_class.tolist(), changes, strict=True)]
    return _Effects(effect.tolist(), towards, poles, scale)


def _shown(vocabulary: Vocabulary, token_id: int, alphabet: Alphabet) -> str:
    (pattern,) = vocabulary.take([token_id]).decode(alphabet)
    return harmless(pattern.rstrip(BLANK_SIGN))


def _characters(pattern: Tensor, matches: Matches, token_id: int, length: int) -> frozenset[int]:
    """The places among the first `length` that are under the characters of `pattern` (K,) where it matches."""
    columns = (pattern != BLANK).nonzero()[:, 0]
    begins = matches.position[matches.token_id == token_id]
    places = (begins.unsqueeze(1) + columns).flatten()
    return frozenset(places[places < length].tolist())
