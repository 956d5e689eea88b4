"""Grafting: the token gradient proposes n-grams, an exact selection among them and the present tokens disposes.

After Perkins, Lacker & Theiler (2003), *Grafting: fast, incremental feature selection by gradient descent in function
space*; seen the other way, it is column generation for an L1-regularised classifier over all n-grams of the texts. A
round:

1. **Price.** With S_b(q) = g_b where text b holds n-gram q, the network's token gradient gives each of some 10⁵
   indexed n-grams the score S²/V, S = Σ_b S_b, V = Σ_b S_b²: about χ² with one degree of freedom for each output, if q
   would not help. g_b is that of the text's latest step, which costs nothing.
2. **Select.** The present tokens and the best-priced n-grams are the features of a linear classifier, whose L1 path
   picks up to 2N of them (`l1_support`) and which optimal brain surgery cuts down to N (`prune`). Its targets are
   halfway between the labels and what a classifier on all indexed n-grams predicts for texts that it was not fitted on
   (`cross_fitted`): a teacher, which keeps a choice among so many from fitting the noise of the labels.
   (Not of all of it: the index was screened by the labels of all training texts. A teacher without that trace, on an
   index screened by the other texts' labels alone, chose no better tokens.)
3. **Edit.** Tokens that were not selected give their places to those that were, which begin with the vectors of a
   refit.

The network is trained all along, by its own optimizer and with the vectors that the tokens had.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tokenlayer.array_cache import cached_arrays
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import Edit, Observation, RuleContext, TrainingProgress
from tokenlayer.rules.graft import GraftRuleConfig
from tokenlayer.rules.learning_rule import LearningRule
from tokenlayer.selection import linear, surgery
from tokenlayer.selection.chi2 import best_first, chi_squared
from tokenlayer.selection.l1_path import l1_support
from tokenlayer.selection.linear import Features, Floats, Ints
from tokenlayer.selection.penalty import ridge_penalty, surgery_penalty
from tokenlayer.text.ngrams.index import NgramIndex, index_ngrams

_FORMAT = 2  # of what is kept on disk: to be raised when the same settings come to give other arrays


_TEACHER_PENALTY = 0.5


_TEACHER_WEIGHTS = 2_500_000  # of which its fit holds some 25 copies: 100,000 n-grams for 25 classes, fewer for more


_FEW = 600  # tokens: beyond, a wider look and a shorter operation chose better on validation texts


_WIDER = 5  # times as many candidates for each token


_SURGERY_UP_TO = 2_500  # tokens: beyond, the L1 path alone chooses, for surgery costs the cube of their number


class GraftRule(LearningRule):
    """See the module's text.

    Args:
        context: N, K, D, the training texts.
        index: the n-grams that may become tokens.
        targets: (n, n_outputs) of the surgery.
        config: its settings.

    """

    gradient: Tensor
    seen: Tensor

    def __init__(self, context: RuleContext, index: NgramIndex, targets: Floats, config: GraftRuleConfig) -> None:
        super().__init__()
        self._index = index
        self._config = config
        self._targets = targets
        self._weights = context.texts.first(index.n_texts).weights
        self._labels = linear.one_hot(context.texts.labels[: index.n_texts], context.texts.n_classes)
        self._figures: dict[str, float] = {}
        self.register_buffer("gradient", torch.zeros(index.n_texts, context.embedding_dim))
        self.register_buffer("seen", torch.zeros(index.n_texts, dtype=torch.bool))

    def observe(self, observation: Observation) -> None:
        g = observation.gradient
        if g.dim() == 3:  # the mean over positions: where in the text a token would stand, no index of texts knows
            g = g.mean(1)
        inside = observation.rows < len(self.seen)
        rows = observation.rows[inside]
        self.gradient[rows] = (g[inside] * len(g)).to(self.gradient)  # of the text's own loss, not of the batch's mean
        self.seen[rows] = True

    def edit(
        self, progress: TrainingProgress, vocabulary: Vocabulary, embedding: Tensor, readout: Tensor | None
    ) -> Edit | None:
        if not self._config.is_due(progress) or not self.seen.any():
            return None
        present = self._present(vocabulary)
        candidates, scores = self._candidates(present)
        if not len(candidates):
            return None
        chosen, vectors = self._select(candidates, len(present))
        staying = np.isin(present, chosen)
        arriving = np.flatnonzero(~np.isin(chosen, present))
        free = self._free_places(np.flatnonzero(~staying), vocabulary, embedding, len(arriving))
        ngrams = chosen[arriving]
        self._figures = {"candidates": float(len(candidates)), "best_score": float(scores.max(initial=0.0))}
        if not len(ngrams):
            return None
        score_of = dict(zip(candidates.tolist(), scores.tolist(), strict=True))
        return Edit(
            token_ids=torch.from_numpy(free).to(embedding.device),
            codes=torch.from_numpy(self._index.ngrams[ngrams]),
            embedding=_through(vectors[arriving], readout, embedding),
            scores=torch.tensor([score_of[ngram] for ngram in ngrams.tolist()]),
            reasons=["foreign" if present[token_id] < 0 else "not_selected" for token_id in free.tolist()],
        )

    def figures(self) -> dict[str, float]:
        return self._figures

    def _present(self, vocabulary: Vocabulary) -> Ints:
        """(N,): the number of each token's n-gram in the index; -1: it is none of the index, or a token twice over."""
        found = self._index.find(vocabulary.codes.cpu().numpy())
        known, first = np.unique(found, return_index=True)
        present = np.full_like(found, -1)
        present[first] = known
        return present

    def _candidates(self, present: Ints) -> tuple[Ints, Floats]:
        """The present tokens that the index knows, then the best-priced other n-grams; and the scores of all these."""
        g = self.gradient.double().cpu().numpy()
        score = np.zeros(len(self._index))
        for d in range(g.shape[1]):
            # The gradient of a text of weight 2 is twice as large as those of two such texts, whose squares add up.
            square = g[:, d] ** 2 if self._weights is None else g[:, d] ** 2 / self._weights
            power = self._index.sums(square)
            score += np.divide(self._index.sums(g[:, d]) ** 2, power, out=np.zeros_like(power), where=power > 0)
        known = present[present >= 0]
        price = score.copy()
        price[known] = -1
        wanted = self._config.candidates * (1 if len(present) <= _FEW else _WIDER)
        n_new = min(wanted * len(present), len(price) - len(known))
        best = np.argpartition(-price, n_new - 1)[:n_new] if n_new else known[:0]
        both = np.concatenate([known, np.sort(best)])
        return both, score[both]

    def _select(self, candidates: Ints, N: int) -> tuple[Ints, Floats]:
        """The n-grams that become, or stay, tokens, and their weights (N, outputs) in a linear classifier."""
        features = Features.of(*self._index.texts_of(candidates), self._index.n_texts, self._weights)
        kept = np.arange(len(features))
        if len(kept) > N:
            kept = l1_support(features, self._targets, min(len(kept), _for_surgery(N)))
        if len(kept) > N and N <= _SURGERY_UP_TO:
            held_back = surgery_penalty(self._config.penalty, N, features.total)
            kept = kept[surgery.prune(features.columns(kept), self._targets, N, held_back)]
        model = linear.fit(features.columns(kept), self._labels, ridge_penalty(N, features.total))
        if len(kept) > N:
            strongest = np.argsort(-np.linalg.norm(model.weights, axis=1) * features.spread[kept], kind="stable")[:N]
            return candidates[kept[strongest]], model.weights[strongest]
        return candidates[kept], model.weights

    def _free_places(self, leaving: Ints, vocabulary: Vocabulary, embedding: Tensor, wanted: int) -> Ints:
        """As many places as are wanted whose token was not selected, those of the weakest tokens."""
        strength = embedding.norm(dim=1).cpu().numpy()[leaving]
        return np.sort(leaving[np.argsort(strength, kind="stable")[:wanted]])


def _for_surgery(N: int) -> int:
    """The number of n-grams that the L1 path is to take for N tokens."""
    if N > _SURGERY_UP_TO:
        return N
    return 2 * N if N <= _FEW else N * 3 // 2


def _through(weights: Floats, readout: Tensor | None, embedding: Tensor) -> Tensor:
    """(R, D): vectors E with E · readoutᵀ = weights (R, outputs), the shortest; zeros where there is no readout."""
    if readout is None or readout.shape[0] != weights.shape[1]:
        return embedding.new_zeros(len(weights), embedding.shape[1])
    inverse = torch.linalg.pinv(readout.double()).T.cpu()  # (outputs, D)
    vectors: Tensor = torch.from_numpy(weights) @ inverse
    return vectors.to(embedding)


def grafting(context: RuleContext, config: GraftRuleConfig) -> GraftRule:
    """The rule, with its index and its teacher: those kept on disk for the texts, or new ones."""
    texts = context.texts
    bounds = {
        "min_texts": min(config.min_texts, max(3, len(texts) // 1000)),
        "max_ngrams": config.max_ngrams,
        "max_characters": config.max_characters,
    }
    C, lengths, K = context.n_characters, config.lengths(), context.max_token_length
    settings: list[object] = [_FORMAT, C, lengths, K, bounds]
    index = NgramIndex.of_arrays(
        cached_arrays(
            texts.folder,
            "ngrams",
            settings,
            lambda: index_ngrams(texts, C, lengths, K, chi_squared, **bounds).arrays(),
        )
    )
    labels, weights = linear.one_hot(texts.labels[: index.n_texts], texts.n_classes), texts.first(index.n_texts).weights
    targets = labels
    if config.distillation_weight:
        n_read = min(len(index), max(1, _TEACHER_WEIGHTS // labels.shape[1]))
        settings = [*settings, _TEACHER_PENALTY, *([n_read] if n_read < len(index) else [])]
        taught = cached_arrays(
            texts.folder, "teacher", settings, lambda: {"targets": _taught(index, labels, n_read, weights)}
        )
        targets = (1 - config.distillation_weight) * labels + config.distillation_weight * taught["targets"]
    return GraftRule(context, index, targets, config)


def _taught(index: NgramIndex, labels: Floats, n_read: int, weights: Floats | None) -> Floats:
    """(n, n_outputs): the teacher's probabilities, each text's by the half of the texts that it is not in.

    Of an index of more than `n_read` n-grams it reads those of the largest χ².
    """
    read = np.arange(len(index))
    if n_read < len(index):
        read = np.sort(
            best_first(_chi_squared(index, labels if weights is None else labels * weights[:, None]))[:n_read]
        )
    features = Features.of(*index.texts_of(read), index.n_texts, weights)
    return linear.cross_fitted(features, labels, _TEACHER_PENALTY, folds=2)


def _chi_squared(index: NgramIndex, labels: Floats) -> Floats:
    """(P,): χ² of each n-gram; `labels` are those of three classes or more, each text's times its weight."""
    by_class, n_texts = sparse.csr_matrix(labels.T), labels.sum(0)
    scores = [
        chi_squared((by_class @ Features.of(*index.texts_of(some), index.n_texts).presence).T.toarray(), n_texts)
        for some in np.array_split(np.arange(len(index)), 1 + len(index) * len(n_texts) // _TEACHER_WEIGHTS)
    ]
    return np.concatenate(scores)
