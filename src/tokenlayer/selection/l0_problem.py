"""The objective of choosing features under an L0 penalty, and the quadratic model of it around some weights.

    loss(θ) + Σ_q ridge_q/2 · ‖θ_q‖² + penalty · Σ_q [θ_q ≠ 0] · cost_q

The loss is the sum of the texts' cross-entropies. Its quadratic model has a curvature for each text and output, and the
bias goes along with every weight: where a weight changes, it takes the value that is best then, as if features were
centred.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tokenlayer.selection.linear import Features, Floats, Ints, Linear, one_hot, probabilities
from tokenlayer.text.ngrams.presence import Presence

_LEAST_FIRMNESS = 1e-9  # instead of a zero divisor, where a feature does not vary
_LEAST_CURVATURE = 1e-2  # of a text that the model is sure of: the steps of the quadratic model stay bounded


@dataclass(frozen=True)
class Quadratic:
    """The loss around some weights."""

    residual: Floats
    """(n, n_outputs): targets minus probabilities."""
    curvature: Floats
    """(n, n_outputs)"""
    slope: Floats
    """(P, n_outputs): how fast the loss falls with each weight."""
    stiffness: Floats
    """(P, n_outputs): the curvature of each weight while the bias stays."""


@dataclass(frozen=True)
class L0Problem:
    """What is given."""

    features: Features
    """P candidates in n texts, each of weight 1."""
    targets: Floats
    """(n, n_outputs): 0 and 1."""
    ridge: Floats
    """(P,)"""
    cost: Floats
    """(P,): of a feature, whatever its weight, in units of the penalty; infinite where it may not be chosen."""

    @classmethod
    def of(
        cls, presence: Presence, labels: Ints, n_classes: int, ridge: float, surcharge: Floats | None = None
    ) -> L0Problem:
        """From tokens in texts.

        Args:
            presence: P candidates in n texts.
            labels: (n,)
            n_classes: number of different labels.
            ridge: of a mean loss, in units of each token's variance, that is, as if tokens were standardised.
            surcharge: (P,) by which a token costs more than another; None: all cost the same.

        """
        features = Features.of(presence.texts, presence.bounds, presence.n_texts)
        frequency = np.diff(presence.bounds)
        varies = (frequency > 0) & (frequency < presence.n_texts)
        cost = np.where(varies, 1.0 if surcharge is None else surcharge, np.inf)
        return cls(features, one_hot(labels, n_classes), ridge * features.total * features.spread**2, cost)

    def logits(self, model: Linear) -> Floats:
        """(n, n_outputs), of a model with few features."""
        kept = support(model)
        return self.features.columns(kept).times(model.weights[kept]) + model.bias

    def around(self, logits: Floats) -> Quadratic:
        """The quadratic model of the loss around these logits (n, n_outputs)."""
        residual, curvature = self.of_texts(logits, self.targets)
        return Quadratic(residual, curvature, self.features.sums(residual), self.features.sums(curvature))

    def of_texts(self, logits: Floats, targets: Floats) -> tuple[Floats, Floats]:
        """Residual and curvature (m, n_outputs) of some texts, by their logits and targets.

        That of softmax, diag p - p pᵀ, is at most 2 diag p (1 - p), which stands for it: features are underrated.
        """
        p = probabilities(logits)
        steepest = 1 if targets.shape[1] == 1 else 2
        return targets - p, np.maximum(steepest * p * (1 - p), _LEAST_CURVATURE)


def support(model: Linear) -> Ints:
    """The features that have a weight."""
    return np.flatnonzero(model.weights.any(axis=1))


def gains(slope: Floats, stiffness: Floats, total_curvature: Floats, ridge: Floats) -> Floats:
    """(P,): by how much the objective falls, its L0 part aside, where a feature without a weight gets its best one.

    Args:
        slope: (P, n_outputs), at the bias that is best.
        stiffness: (P, n_outputs)
        total_curvature: (n_outputs,): of all texts.
        ridge: (P,)

    """
    found: Floats = (slope**2).sum(1) / (2 * firmness(stiffness, total_curvature, ridge))
    return found


def firmness(stiffness: Floats, total_curvature: Floats, ridge: Floats) -> Floats:
    """(P,): the curvature of the objective by each weight, the bias going along; one for all outputs."""
    centred = np.maximum(stiffness - stiffness**2 / total_curvature, 0.0).max(axis=1)
    found: Floats = np.maximum(centred + ridge, _LEAST_FIRMNESS)
    return found
