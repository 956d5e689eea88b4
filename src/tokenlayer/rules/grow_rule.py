"""Grow: the places of weak patterns go to the n-grams with the largest token gradient (after RigL).

Every step adds the scores of some of its texts' n-grams (`ngram_scores`). An edit takes the best-scoring slots as a
short list and evaluates it exactly on the latest texts: the score that hashing may have blurred, and what each n-gram
would add to the tokens that are there. The **efficient score** of an n-gram with presence x is
(Σ x g)² / (x'Wx - x'WΦ (Φ'WΦ)⁻¹ Φ'Wx), W = g²: its variance less what the present tokens Φ explain. The n-gram with the
largest goes in, joins Φ, and so on: a near copy of a token has no variance left of its own, and is passed over. Of
n-grams that are near copies of each other only the longest is in the list: words, not parts of them.

With several parts of a text (`n_parts`) both scores are sums over the parts, each taken for a text of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tokenlayer.layer.matching import PatternIndex
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import Observation, RuleContext, TrainingProgress
from tokenlayer.rules.grow import GrowRuleConfig
from tokenlayer.rules.ngram_scores import NgramScores
from tokenlayer.rules.regrow import Proposals, RegrowingRule

_SHORT_LIST = 4  # n-grams that are evaluated exactly, for each place that is free


_LEAST_SHORT_LIST = 512  # of them near copies of the tokens may be hundreds


_OWN_VARIANCE = 0.3  # share of its variance that the present tokens must leave to a newcomer


_FADE = 0.5


_LEAST_TEXTS = 5  # of the kept ones


_SAME = 0.9  # share of their texts that near copies have in common


_RIDGE = 1e-6  # of a token's own weight: tokens may be copies of each other


class GrowRule(RegrowingRule):
    """See the module's text.

    Args:
        context: N, K, C, D, n_outputs, L.
        config: its settings.

    """

    kept_gradient: Tensor

    def __init__(self, context: RuleContext, config: GrowRuleConfig) -> None:
        super().__init__(context, config)
        self._settings = config
        self.beside_model = config.token_gradient == "linear"
        D = config.gradient_length(context)
        L = context.texts.codes.shape[1]
        self.scores = NgramScores(
            context.n_characters,
            D,
            config.lengths(),
            context.max_token_length,
            L,
            config.memory_mb,
            config.kept_texts,
            config.n_parts,
        )
        self.register_buffer("kept_gradient", torch.zeros(config.kept_texts, config.n_parts, D))
        self._figures: dict[str, float] = {}

    def observe(self, observation: Observation) -> None:
        super().observe(observation)
        codes = observation.tokens.codes
        g = observation.gradient * len(codes)  # of each text's own loss, not of the batch's mean
        T = max(1, codes.shape[1] - self.context.max_token_length + 1)
        some = slice(0, max(1, self._settings.windows_per_step // (T * len(self.scores.lengths))))
        n_seen = int(self.scores.n_seen)
        self.scores.add(codes[some], g[some], binary_features=observation.binary_features)
        rows = torch.arange(n_seen, int(self.scores.n_seen), device=codes.device) % len(self.kept_gradient)
        self.kept_gradient[rows] = _of_parts(g[some], self._settings.n_parts)[: len(rows)].to(self.kept_gradient)

    def proposals(self, wanted: int, progress: TrainingProgress, vocabulary: Vocabulary, leaving: Tensor) -> Proposals:
        score = self.scores.scores()
        if self._settings.shuffle:
            generator = torch.Generator().manual_seed(self.context.seed * 1_000_003 + progress.step)
            occupied = (self.scores.where > 0).nonzero()[:, 0]
            mixed = occupied[torch.randperm(len(occupied), generator=generator).to(occupied.device)]
            score[mixed] = score[occupied]
        slots = score.topk(min(max(_SHORT_LIST * wanted, _LEAST_SHORT_LIST), len(score))).indices
        slots = slots[score[slots] > 0]
        ngrams, known = self.scores.ngrams(slots)
        ngrams, score = ngrams[known], score[slots][known]
        staying = torch.ones(len(vocabulary.codes), dtype=torch.bool, device=ngrams.device)
        staying[leaving] = False
        chosen = self._chosen(ngrams, vocabulary.codes[staying], wanted)
        self._figures = {"table_load": self.scores.load, "passed_over": self.scores.passed_over}
        self.scores.fade(_FADE)
        return Proposals(ngrams[chosen], score[chosen])

    def figures(self) -> dict[str, float]:
        return self._figures

    def _chosen(self, ngrams: Tensor, present: Tensor, wanted: int) -> Tensor:
        """Indices of the n-grams that go in, in the order of their choice."""
        if self._settings.shuffle or not len(ngrams):  # the control knows nothing of the gradient
            return torch.arange(min(wanted, len(ngrams)), device=ngrams.device)
        kept = self.scores.kept[: int(self.scores.n_seen)]
        both = torch.cat([present, ngrams])
        X = presence(kept, both, self.context.n_characters, self._settings.n_parts)
        g = self.kept_gradient[: len(kept)].double().transpose(0, 1)
        P = len(present)
        alone = longest_of_copies(X[:, :, P:].amax(0), (ngrams >= 0).sum(1))
        return alone[efficient_choice(torch.cat([X[:, :, :P], X[:, :, P + alone]], 2), g, P, wanted)]


def _of_parts(g: Tensor, n_parts: int) -> Tensor:
    """(B, n_parts, D): the mean of the token gradient, (B, D) or (B, P, D), over each of so many equal parts."""
    g = g.unsqueeze(1) if g.dim() == 2 else g
    return torch.nn.functional.adaptive_avg_pool1d(g.transpose(1, 2), n_parts).transpose(1, 2)


@torch.no_grad()
def presence(codes: Tensor, ngrams: Tensor, n_characters: int, n_parts: int) -> Tensor:
    """(n_parts, texts, R) of 0 and 1, float64: which of R n-grams (R, K) begin in each part of the texts (texts, L)."""
    index = PatternIndex(Vocabulary(ngrams), n_characters)
    out = torch.zeros(n_parts, len(codes), len(ngrams), dtype=torch.float64, device=codes.device)
    for first in range(0, len(codes), 32):
        matches = index.match(codes[first : first + 32])
        part = (matches.position * n_parts).div(codes.shape[1], rounding_mode="floor")
        out[part, matches.text + first, matches.token_id] = 1
    return out


def longest_of_copies(X: Tensor, lengths: Tensor) -> Tensor:
    """Indices of the n-grams that no longer one stands for, being in nearly the same texts: words, not their parts.

    Args:
        X: (n, R) float64: presence.
        lengths: (R,) of the n-grams.

    """
    both = X.T @ X  # (R, R): number of texts that hold both
    n_texts = both.diagonal()
    is_copy = both >= _SAME * torch.maximum(n_texts.unsqueeze(1), n_texts)
    has_longer = (is_copy & (lengths > lengths.unsqueeze(1))).any(1)
    return (~has_longer).nonzero()[:, 0]


def efficient_choice(X: Tensor, g: Tensor, n_present: int, wanted: int) -> Tensor:
    """Greedily the features with the largest efficient scores, each the sum over the parts of the texts.

    Args:
        X: (Q, n, P + R) float64: presence, in Q parts of n texts, of P tokens that are there and of R n-grams.
        g: (Q, n, D) the token gradient of each part of each text.
        n_present: P.
        wanted: how many to choose at most.

    Returns:
        Indices into the R n-grams.

    """
    W = g.square().sum(2, keepdim=True)
    H = X.mT @ (X * W)  # (Q, P + R, P + R)
    S = X[:, :, n_present:].mT @ g  # (Q, R, D)
    A = H[:, :n_present, :n_present]
    A = A + torch.diag_embed(A.diagonal(dim1=1, dim2=2).clamp(min=1e-30) * _RIDGE)
    C = H[:, :n_present, n_present:]  # (Q, P, R)
    own = H[:, n_present:, n_present:] - C.mT @ torch.linalg.solve(A, C)  # (Q, R, R): what the tokens leave
    full = H.diagonal(dim1=1, dim2=2)[:, n_present:].clamp(min=1e-30)
    allowed = X[:, :, n_present:].sum((0, 1)) >= _LEAST_TEXTS
    chosen: list[int] = []
    for _ in range(min(wanted, own.shape[1])):
        variance = own.diagonal(dim1=1, dim2=2)
        variance = variance.where(variance > _OWN_VARIANCE * full, torch.inf)  # else a part counts for nothing
        score = (S.square().sum(2) / variance).sum(0).where(allowed, -1)
        best = int(score.argmax())
        if score[best] <= 0:
            break
        chosen.append(best)
        allowed[best] = False
        # It joins the tokens: what it explains is taken from the others' variance and from their scores.
        share = own[:, :, best] / variance[:, best, None]  # (Q, R)
        S = S - share.unsqueeze(2) * S[:, None, best]
        own = own - share.unsqueeze(2) * own[:, None, best]
    return torch.tensor(chosen, dtype=torch.int64, device=X.device)
