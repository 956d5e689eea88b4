"""What a token does: the change of the logit when its matches are removed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tokenlayer.layer.matching import Matches
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.models.output import ModelOutput

_PAIRS_AT_ONCE = 256


@dataclass(frozen=True)
class TokenEffects:
    """The effects of N tokens on a set of texts."""

    effect: Tensor
    """(N, n_outputs) float64: logit with the token's matches minus logit without them, mean over all texts."""
    texts: Tensor
    """(N,) int64: texts in which the token matches."""
    matches: Tensor
    """(N,) int64: all its matches."""


class EffectMeter:
    """Adds up effects over batches, exactly: of a head whose logits add up from what it says itself, of any other by
    reading each text again without the token.

    Args:
        model: in evaluation mode.

    """

    def __init__(self, model: TokenizationClassifier) -> None:
        self.model = model
        N = model.tokenization.vocab_size
        device = model.embedding.weight.device
        self._sum = torch.zeros(N, model.n_outputs, dtype=torch.float64, device=device)
        self._texts = torch.zeros(N, dtype=torch.int64, device=device)
        self._matches = torch.zeros(N, dtype=torch.int64, device=device)
        self._seen = 0

    @torch.no_grad()
    def update(self, codes: Tensor) -> None:
        """Add a batch of texts (B, L).

        Costs one pass of the head for each pair of a text and a token in it, unless the head's logits add up.
        """
        if self.model.head.adds_up:
            tokens = self.model.tokenization(codes)
            texts = tokens.matches.distinct().counts()
            counted = texts if self.model.head.binary_features else tokens.matches.counts()
            effects = self.model.head.effects(self.model.embedding.weight)
            self._sum += counted.unsqueeze(1) * effects.double()
            self._texts += texts
        else:
            tokens = self._read_again(codes)
        self._matches += tokens.matches.counts()
        self._seen += len(codes)

    def _read_again(self, codes: Tensor) -> Tokenized:
        whole: ModelOutput = self.model(codes)
        matches = whole.tokens.matches
        _, N, _ = matches.shape
        pairs = torch.unique(matches.text * N + matches.token_id)
        for chunk in pairs.split(_PAIRS_AT_ONCE) if len(pairs) else ():
            text, token_id = torch.div(chunk, N, rounding_mode="floor"), chunk % N
            without = self.model.head(without_token(whole.tokens, text, token_id), self.model.embedding)
            change = whole.logits[text] - without.logits
            self._sum.index_add_(0, token_id, change.double())
            self._texts.index_add_(0, token_id, torch.ones_like(token_id))
        return whole.tokens

    def compute(self) -> TokenEffects:
        """Means over the texts seen so far."""
        return TokenEffects(self._sum / max(self._seen, 1), self._texts.clone(), self._matches.clone())


def without_token(tokens: Tokenized, text: Tensor, token_id: Tensor) -> Tokenized:
    """R texts, the i-th being text[i] of `tokens` without the matches of token token_id[i].

    Args:
        tokens: of B texts.
        text: (R,) int64, 0..B-1.
        token_id: (R,) int64, 0..N-1.

    """
    found = tokens.matches
    B, N, L = found.shape
    counts = torch.bincount(found.text, minlength=B)
    begins = counts.cumsum(0) - counts
    row = torch.repeat_interleave(torch.arange(len(text), device=text.device), counts[text])
    ends = counts[text].cumsum(0)
    source = torch.arange(len(row), device=text.device) + torch.repeat_interleave(
        begins[text] - (ends - counts[text]), counts[text]
    )
    kept = found.token_id[source] != token_id[row]
    row, source = row[kept], source[kept]
    matches = Matches(row, found.position[source], found.token_id[source], (len(text), N, L))
    return replace(tokens, codes=tokens.codes[text], matches=matches)
