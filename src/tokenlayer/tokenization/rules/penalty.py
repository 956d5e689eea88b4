"""How far the weights of tokens are held back, by how many there are and how many texts they are learned from."""

from __future__ import annotations

_PRECISION = 400  # of the prior of a token's effect; tried on the validation texts of 35,000 reviews
_TOKENS = 500  # of which: more of them share what there is to tell, and each has to be trusted less
_MANY_TEXTS = 20_000
_LARGEST = 1.5


def scarcity(n_texts: int) -> float:
    """By how much more weights have to be held back where texts are few: 1 where they are many.

    Tokens are chosen among all grams, by the labels of the texts that their weights are then fitted to: those that seem
    to tell most seem to tell more than they do (winner's curse), and the more so the fewer the texts.
    """
    return max(1.0, _MANY_TEXTS / n_texts)


def ridge_penalty(n_tokens: int, n_texts: int) -> float:
    """λ of a penalty λ/2 · Σ_n f_n ‖θ_n‖² beside a mean loss.

    f_n is the share of the texts that hold token n, θ_n what it adds to their logits.
    """
    return min(_LARGEST, _PRECISION / n_texts * max(1.0, n_tokens / _TOKENS) * scarcity(n_texts))
