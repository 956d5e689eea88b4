"""What a token does: the change of the logit when its matches are removed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tokenlayer.models.classifier import TokenizationClassifier

_PAIRS_AT_ONCE = 256


@dataclass(frozen=True)
class TokenEffects:
    """Of N tokens on a set of texts."""

    effect: Tensor
    """(N, n_outputs) float64: logit with the token's matches minus logit without them, mean over all texts."""
    texts: Tensor
    """(N,) int64: texts in which the token matches."""
    matches: Tensor
    """(N,) int64: all its matches."""


class EffectMeter:
    """Adds up effects over batches, by exact re-evaluation: nothing is assumed of the head.

    Args:
        model: in evaluation mode.

    """

    def __init__(self, model: TokenizationClassifier) -> None:
        self.model = model
        N = model.tokenization.n_neurons
        device = model.embedding.weight.device
        self._sum = torch.zeros(N, model.n_outputs, dtype=torch.float64, device=device)
        self._texts = torch.zeros(N, dtype=torch.int64, device=device)
        self._matches = torch.zeros(N, dtype=torch.int64, device=device)
        self._seen = 0

    @torch.no_grad()
    def update(self, codes: Tensor) -> None:
        """Add a batch of texts (B, L). Costs one pass of the head for each pair of a text and a token in it."""
        whole = self.model(codes, return_intermediates=True)
        matches = whole.tokens.matches
        B, N, _ = matches.shape
        pairs, of_match = torch.unique(matches.text * N + matches.neuron, return_inverse=True)
        for first in range(0, len(pairs), _PAIRS_AT_ONCE):
            chunk = pairs[first : first + _PAIRS_AT_ONCE]
            text, neuron = torch.div(chunk, N, rounding_mode="floor"), chunk % N
            inside = ((of_match >= first) & (of_match < first + len(chunk))).nonzero()[:, 0]
            row = of_match[inside] - first
            without = whole.embedding[text]  # (pairs, L, D), a copy
            vectors = self.model.embedding.weight[matches.neuron[inside]]
            without.index_put_((row, matches.position[inside]), -vectors, accumulate=True)
            change = whole.logits[text] - self.model.head(without).logits
            self._sum.index_add_(0, neuron, change.double())
            self._texts.index_add_(0, neuron, torch.ones_like(neuron))
        self._matches += matches.counts()
        self._seen += B

    def compute(self) -> TokenEffects:
        """Means over the texts seen so far."""
        return TokenEffects(self._sum / max(self._seen, 1), self._texts.clone(), self._matches.clone())
