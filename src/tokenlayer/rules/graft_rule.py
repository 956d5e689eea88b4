"""Grafting: the token gradient proposes n-grams, an exact selection among them and the present tokens disposes.

After Perkins, Lacker & Theiler (2003), *Grafting: fast, incremental feature selection by gradient descent in function
space*; seen the other way, it is column generation for an L1-regularised classifier over all n-grams of the texts. An
edit is a round of `NgramSelection`, in which the token gradient of the network prices the n-grams: that of each text's
latest step, which costs nothing. Tokens that were not selected give their places to those that were, which begin with
the vectors of a refit.

The network is trained all along, by its own optimizer and with the vectors that the tokens had.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import Edit, Observation, RuleContext, TrainingProgress
from tokenlayer.rules.graft import GraftRuleConfig
from tokenlayer.rules.learning_rule import LearningRule
from tokenlayer.selection.linear import Floats, Ints
from tokenlayer.selection.ngram_selection import NgramSelection


class GraftRule(LearningRule):
    """See the module's text.

    Args:
        context: D, n_outputs.
        selection: the n-grams that may become tokens, and how to select among them.
        config: when to.

    """

    gradient: Tensor
    seen: Tensor
    price: Tensor

    def __init__(self, context: RuleContext, selection: NgramSelection, config: GraftRuleConfig) -> None:
        super().__init__()
        self.selection = selection
        self._config = config
        self._figures: dict[str, float] = {}
        self.beside_model = config.token_gradient == "linear"
        n_texts = selection.index.n_texts
        self.register_buffer("gradient", torch.zeros(n_texts, config.gradient_length(context)))
        self.register_buffer("seen", torch.zeros(n_texts, dtype=torch.bool))
        if config.tokens_per_text is not None:
            self.register_buffer("price", torch.zeros((), dtype=torch.float64))

    def observe(self, observation: Observation) -> None:
        g = observation.gradient
        if g.dim() == 3:  # the mean over the parts: where in the text a token would stand, no index of texts knows
            g = g.mean(1)
        inside = observation.rows < len(self.seen)
        rows = observation.rows[inside]
        self.gradient[rows] = (g[inside] * len(g)).to(self.gradient)  # of the text's own loss, not of the batch's mean
        self.seen[rows] = True

    def edit(
        self, progress: TrainingProgress, vocabulary: Vocabulary, embedding: Tensor, readout: Tensor | None
    ) -> Edit | None:
        if not self._config.is_due(progress) or not self.seen.any() or not len(self.selection.index):
            return None
        present = self._present(vocabulary)
        budgeted = self._config.tokens_per_text is not None
        selected = self.selection.round(
            self.gradient.double().cpu().numpy(),
            present[present >= 0],
            len(present),
            float(self.price) if budgeted else 0.0,
        )
        self._figures = {"candidates": float(selected.n_candidates), "best_score": selected.best_score}
        if budgeted:
            self.price.fill_(selected.price)
            self._figures |= {"read_price": selected.price, "tokens_per_text": selected.tokens_per_text}
        arriving = np.flatnonzero(~np.isin(selected.ngrams, present))
        if not len(arriving):
            return None
        leaving = np.flatnonzero(~np.isin(present, selected.ngrams))
        free = self._free_places(leaving, embedding, len(arriving))
        return Edit(
            token_ids=torch.from_numpy(free).to(embedding.device),
            codes=torch.from_numpy(self.selection.index.ngrams[selected.ngrams[arriving]]),
            embedding=_through(selected.model.weights[arriving], readout, embedding),
            scores=torch.from_numpy(selected.scores[arriving]).float(),
            reasons=["foreign" if present[token_id] < 0 else "not_selected" for token_id in free.tolist()],
        )

    def figures(self) -> dict[str, float]:
        return self._figures

    def _present(self, vocabulary: Vocabulary) -> Ints:
        """(N,): the number of each token's n-gram in the index; -1: it is none of the index, or a token twice over."""
        found = self.selection.index.find(vocabulary.codes.cpu().numpy())
        known, first = np.unique(found, return_index=True)
        present = np.full_like(found, -1)
        present[first] = known
        return present

    def _free_places(self, leaving: Ints, embedding: Tensor, wanted: int) -> Ints:
        """As many places as are wanted whose token was not selected, those of the weakest tokens."""
        strength = embedding.norm(dim=1).cpu().numpy()[leaving]
        return np.sort(leaving[np.argsort(strength, kind="stable")[:wanted]])


def _through(weights: Floats, readout: Tensor | None, embedding: Tensor) -> Tensor:
    """(R, D): vectors E with E · readoutᵀ = weights (R, outputs), the shortest; zeros where there is no readout."""
    if readout is None or readout.shape[0] != weights.shape[1]:
        return embedding.new_zeros(len(weights), embedding.shape[1])
    inverse = torch.linalg.pinv(readout.double()).T.cpu()  # (outputs, D)
    vectors: Tensor = torch.from_numpy(weights) @ inverse
    return vectors.to(embedding)
