"""Choosing N of all indexed n-grams so that together, each with a weight, they tell the classes best.

A round:

1. **Price.** With S_b(q) = g_b where text b holds n-gram q, g the gradient of the loss of some model, each of some 10⁵
   indexed n-grams has the score S²/V, S = Σ_b S_b, V = Σ_b S_b²: about χ² with one degree of freedom for each output,
   if q would not help the model.
2. **Select.** The present tokens and the best-priced n-grams are the features of a linear classifier, whose L1 path
   picks up to 2N of them (`l1_support`) and which optimal brain surgery cuts down to N (`prune`). Its targets are
   halfway between the labels and what a classifier on all indexed n-grams predicts for texts that it was not fitted on
   (`cross_fitted`): a teacher, which keeps a choice among so many from fitting the noise of the labels.
   (Not of all of it: the index was screened by the labels of all training texts. A teacher without that trace, on an
   index screened by the other texts' labels alone, chose no better tokens.)
3. **Refit** on the labels, which gives the weights.

`graft` takes the gradient from the network that is being trained. `rounds` takes it from the refit itself: no network.
A budget for the tokens that stand in a text puts a price on reading them (`budget`), in all three: what an n-gram is
worth and what dropping it costs are divided by w², the penalty of the L1 path is multiplied by w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tokenlayer.array_cache import cached_arrays
from tokenlayer.progress import tracked
from tokenlayer.selection import linear, surgery
from tokenlayer.selection.budget import surcharge, within_budget
from tokenlayer.selection.chi2 import best_first, chi_squared
from tokenlayer.selection.l1_path import l1_support
from tokenlayer.selection.linear import Features, Floats, Ints, Linear
from tokenlayer.selection.penalty import ridge_penalty, surgery_penalty
from tokenlayer.selection.settings import SelectionSettings
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.text.ngrams.index import NgramIndex, index_ngrams
from tokenlayer.text.ngrams.presence import tokens_read

_FORMAT = 3  # of what is kept on disk: to be raised when the same settings come to give other arrays

_TEACHER_PENALTY = 0.5
_TEACHER_WEIGHTS = 2_500_000  # of which its fit holds some 25 copies: 100,000 n-grams for 25 classes, fewer for more

_FEW = 600  # tokens: beyond, a wider look and a shorter operation chose better on validation texts
_WIDER = 5  # times as many candidates for each token
_SURGERY_UP_TO = 2_500  # tokens: beyond, the L1 path alone chooses, for surgery costs the cube of their number


@dataclass(frozen=True)
class Selected:
    """What a round has chosen."""

    ngrams: Ints
    """(N,), or fewer where there are no more: numbers of the index."""
    model: Linear
    """The refit: weights (N, n_outputs) and bias."""
    scores: Floats
    """(N,) what each was worth by the gradient."""
    best_score: float
    """The largest score of all candidates."""
    n_candidates: int
    """The n-grams that the round looked at."""
    tokens_per_text: float
    """Occurrences of all of them together in an indexed text, as far as they are read, on average."""
    price: float
    """κ, of reading a token."""


class NgramSelection:
    """Selects among the n-grams of an index, by the texts that it was made of.

    Args:
        index: P n-grams.
        texts: the training texts; the first of them are indexed.
        targets: (n, n_outputs) probabilities, hard or soft, that the chosen n-grams are to predict; n is
            `index.n_texts`.
        settings: how to select.
        most_read: tokens that are read of a text, at most; None: all.

    """

    def __init__(
        self,
        index: NgramIndex,
        texts: TrainingTexts,
        targets: Floats,
        settings: SelectionSettings,
        most_read: int | None = None,
    ) -> None:
        first = texts.first(index.n_texts)
        self.index = index
        self.labels = linear.one_hot(first.labels, texts.n_classes)
        self.targets = targets
        self._weights = first.weights
        self._settings = settings
        self._most_read = most_read

    def rounds(self, N: int, n_rounds: int) -> Selected:
        """N n-grams, by the residuals of their own refit: the first round looks at those of largest χ².

        Args:
            N: how many are wanted.
            n_rounds: rounds, each of which may exchange what those before it have chosen.

        """
        logits = np.tile(linear.shares_as_logits(self.labels, self._weights), (len(self.labels), 1))
        selected: Selected | None = None
        for _ in tracked(range(n_rounds), "choosing tokens", n_rounds):
            residual = linear.probabilities(logits) - self.labels
            gradient = residual if self._weights is None else residual * self._weights[:, None]
            present = np.zeros(0, dtype=np.int64) if selected is None else selected.ngrams
            selected = self.round(gradient, present, N, 0.0 if selected is None else selected.price)
            logits = selected.model.logits(self.features(selected.ngrams))
        assert selected is not None, "at least one round"
        return selected

    def round(self, gradient: Floats, present: Ints, N: int, price: float = 0.0) -> Selected:
        """One round.

        Args:
            gradient: (n, D), of each indexed text's loss.
            present: numbers of the n-grams that are tokens now, each once; they are candidates whatever their score.
            N: how many are wanted.
            price: κ to begin with, where there is a budget.

        Raises:
            InputError: N tokens cannot keep to the budget.

        """
        scores = self.scores(gradient)

        def at(price: float) -> tuple[float, Selected]:
            selected = self._selected(scores, present, N, price)
            return selected.tokens_per_text, selected

        budget = self._settings.tokens_per_text
        return at(0.0)[1] if budget is None else within_budget(at, budget, price)[0]

    def features(self, ngrams: Ints) -> Features:
        """The presence of some n-grams in the indexed texts."""
        return Features.of(*self.index.texts_of(ngrams), self.index.n_texts, self._weights)

    def scores(self, gradient: Floats) -> Floats:
        """(P,): S²/V of each indexed n-gram, summed over the dimensions of a gradient (n, D) of each text's loss."""
        # The gradient of a text of weight 2 is twice as large as those of two such texts, whose squares add up.
        squares = gradient**2 if self._weights is None else gradient**2 / self._weights[:, None]
        score = np.zeros(len(self.index))
        for g, square in zip(gradient.T, squares.T, strict=True):
            total, power = self.index.sums(np.column_stack([g, square])).T
            score += np.divide(total**2, power, out=np.zeros_like(power), where=power > 0)
        return score

    def _selected(self, scores: Floats, present: Ints, N: int, price: float) -> Selected:
        candidates = self._candidates(scores / surcharge(self.index.reads, price) ** 2, present, N)
        chosen, model = self._select(candidates, N, surcharge(self.index.reads[candidates], price))
        return Selected(
            ngrams=chosen,
            model=model,
            scores=scores[chosen],
            best_score=float(scores[candidates].max(initial=0.0)),
            n_candidates=len(candidates),
            tokens_per_text=tokens_read(self.index, chosen, self._most_read),
            price=price,
        )

    def _candidates(self, worth: Floats, present: Ints, N: int) -> Ints:
        """The present tokens, then the other n-grams that are worth most."""
        worth = worth.copy()
        worth[present] = -1
        wanted = self._settings.candidates * N * (1 if N <= _FEW else _WIDER)
        n_new = min(wanted, len(worth) - len(present))
        best = np.argpartition(-worth, n_new - 1)[:n_new] if n_new else present[:0]
        return np.concatenate([present, np.sort(best)])

    def _select(self, candidates: Ints, N: int, w: Floats) -> tuple[Ints, Linear]:
        """N of the candidates, of the surcharges w, and the refit on the labels."""
        features = self.features(candidates)
        kept = np.arange(len(features))
        if len(kept) > N:
            kept = l1_support(features, self.targets, min(len(kept), _for_surgery(N)), w)
        if len(kept) > N and N <= _SURGERY_UP_TO:
            held_back = surgery_penalty(self._settings.penalty, N, features.total)
            kept = kept[surgery.prune(features.columns(kept), self.targets, N, held_back, w[kept] ** 2)]
        model = linear.fit(features.columns(kept), self.labels, ridge_penalty(N, features.total))
        if len(kept) > N:
            effect = np.linalg.norm(model.weights, axis=1) * features.spread[kept] / w[kept]
            strongest = np.argsort(-effect, kind="stable")[:N]
            return candidates[kept[strongest]], Linear(model.weights[strongest], model.bias)
        return candidates[kept], model


def _for_surgery(N: int) -> int:
    """The number of n-grams that the L1 path is to take for N tokens."""
    if N > _SURGERY_UP_TO:
        return N
    return 2 * N if N <= _FEW else N * 3 // 2


def ngram_selection(
    texts: TrainingTexts,
    n_characters: int,
    lengths: list[int],
    max_token_length: int,
    settings: SelectionSettings,
    most_read: int | None = None,
) -> NgramSelection:
    """The selection with its index and its teacher: those kept on disk for the texts, or new ones.

    Args:
        texts: the training texts.
        n_characters: C.
        lengths: of the n-grams, ascending.
        max_token_length: K.
        settings: how to index, teach and select.
        most_read: tokens that are read of a text, at most; None: all.

    """
    bounds = {
        "min_texts": min(settings.min_texts, max(3, len(texts) // 1000)),
        "max_ngrams": settings.max_ngrams,
        "max_characters": settings.max_characters,
    }
    K = max_token_length
    made_of: list[object] = [_FORMAT, n_characters, lengths, K, bounds]
    index = NgramIndex.of_arrays(
        cached_arrays(
            texts.folder,
            "ngrams",
            made_of,
            lambda: index_ngrams(texts, n_characters, lengths, K, chi_squared, **bounds).arrays(),
        )
    )
    first = texts.first(index.n_texts)
    labels = linear.one_hot(first.labels, texts.n_classes)
    targets = labels
    if settings.distillation_weight:
        n_read = min(len(index), max(1, _TEACHER_WEIGHTS // labels.shape[1]))
        made_of = [*made_of, _TEACHER_PENALTY, *([n_read] if n_read < len(index) else [])]
        taught = cached_arrays(
            texts.folder, "teacher", made_of, lambda: {"targets": _taught(index, labels, n_read, first.weights)}
        )
        targets = (1 - settings.distillation_weight) * labels + settings.distillation_weight * taught["targets"]
    return NgramSelection(index, texts, targets, settings, most_read)


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
