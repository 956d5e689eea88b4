"""Local combinatorial search: a chosen feature is exchanged for another wherever the objective falls.

What is left in the end Hazimeh and Mazumder (2020) call swap inescapable: no chosen feature can be replaced by another,
of whatever weight, so that the objective falls while the other weights stay. Here the bias is free, too. Those come
into question that promise most by the quadratic model around the weights without the feature that is to go; that the
objective falls is measured.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
from scipy import sparse

from tokenlayer.progress import Work
from tokenlayer.selection.l0_path import descend
from tokenlayer.selection.l0_problem import L0Problem, Quadratic, firmness, gains
from tokenlayer.selection.linear import Floats, Ints, Linear, cross_entropy

TOLERANCE = 0.1
"""The objective has to fall by so much, in units of a text's log-likelihood, for a swap."""

_ROUNDS = 4  # times at most, on average, that it is tried to replace a feature
_TRIED = 3  # features at most in exchange for one
_SHORT_BY = 0.2  # of what a feature gains: a quadratic model that sees less in another does not err by so much
_NEWTON_STEPS = 4
_POLISHINGS = 10


@dataclass(frozen=True)
class _State:
    """A choice with its best weights."""

    model: Linear
    logits: Floats
    """(n, n_outputs)"""
    loss: float
    """The sum of the cross-entropies."""
    quadratic: Quadratic


@dataclass(frozen=True)
class _Without:
    """The model without one of its features."""

    logits: Floats
    """(n, n_outputs)"""
    net: Floats
    """(P,): what each feature promises in its place, less its price."""
    gain: float
    """What the feature itself promises."""


def swap(problem: L0Problem, model: Linear, penalty: float, chosen: Ints, work: Work) -> Ints:
    """The features after all swaps, as many as are `chosen`; the model becomes the best one of these, in place.

    Args:
        problem: what is given.
        model: has weights for no other features than those that are chosen.
        penalty: of the L0 part.
        chosen: (m,) numbers of features, of finite cost.
        work: counts attempts.

    """
    search = _Search(problem, penalty * problem.cost, problem.features.presence.tocsr())
    state = search.polished(model, chosen)
    # Those that are missed least are tried first, and new ones last.
    queue = deque(chosen[np.argsort(search.worth(state, chosen), kind="stable")].tolist())
    in_vain = 0
    for _ in range(_ROUNDS * len(chosen)):
        if in_vain == len(queue):
            break
        out = queue.popleft()
        new = search.better(state, out, [out, *queue])
        in_vain += 1
        if new is not None:
            state = search.polished(state.model, np.array([*queue, new]))
            in_vain = 0
        queue.append(out if new is None else new)
        work.step()
    return np.array(queue, dtype=np.int64)


@dataclass(frozen=True)
class _Search:
    """What swaps are judged by."""

    problem: L0Problem
    price: Floats
    """(P,): what each feature costs."""
    rows: sparse.csr_matrix
    """(n, P): the features of each text."""

    def polished(self, model: Linear, chosen: Ints) -> _State:
        """The best weights of the chosen features, from those of a model, which is changed in place."""
        problem, n = self.problem, len(chosen)
        features = problem.features.columns(chosen)
        part = Linear(model.weights[chosen], model.bias)
        of_part = L0Problem(features, problem.targets, problem.ridge[chosen], problem.cost[chosen])
        for _ in range(_POLISHINGS):
            quadratic = of_part.around(part.logits(features))
            if descend(of_part, quadratic, part, np.arange(n), np.full(n, -np.inf), n) < TOLERANCE / 100:
                break
        model.weights[:] = 0.0
        model.weights[chosen] = part.weights
        logits = part.logits(features)
        return _State(model, logits, float(cross_entropy(logits, problem.targets).sum()), problem.around(logits))

    def worth(self, state: _State, chosen: Ints) -> Floats:
        """(m,): what the weights of the chosen features gain, less their price."""
        quadratic = state.quadratic
        firm = firmness(quadratic.stiffness[chosen], quadratic.curvature.sum(0), self.problem.ridge[chosen])
        worth: Floats = firm * (state.model.weights[chosen] ** 2).sum(1) / 2 - self.price[chosen]
        return worth

    def better(self, state: _State, out: int, chosen: list[int]) -> int | None:
        """The feature that is to take the place of one of those chosen; None: none is better. It gets its weight."""
        model = state.model
        without = self._without(state, out)
        own = without.net[out]
        net = without.net.copy()
        net[chosen] = -np.inf
        best = np.argpartition(-net, min(_TRIED, len(net)) - 1)[:_TRIED]
        to_beat = state.loss + self._own(out, model.weights[out]) - TOLERANCE
        for new in best[np.argsort(-net[best], kind="stable")].tolist():
            if net[new] <= own - _SHORT_BY * without.gain:
                return None
            found = self._fallen(without.logits, new, to_beat)
            if found is not None:
                model.weights[out] = 0.0
                model.weights[new], shift = found
                model.bias[:] += shift
                return int(new)
        return None

    def _without(self, state: _State, out: int) -> _Without:
        problem, around = self.problem, state.quadratic
        texts = self._texts(out)
        logits = state.logits.copy()
        logits[texts] -= state.model.weights[out]
        residual, _ = problem.of_texts(logits[texts], problem.targets[texts])
        slope, change = around.slope.copy(), residual - around.residual[texts]
        _add_rows(self.rows.indptr, self.rows.indices, texts, change, slope)
        # The curvature is nearly what it was, and adding up that of each feature would double the time.
        total = around.curvature.sum(0)
        bias = (around.residual.sum(0) + change.sum(0)) / total
        gained = gains(slope - around.stiffness * bias, around.stiffness, total, problem.ridge)
        return _Without(logits, gained - self.price, float(gained[out]))

    def _fallen(self, logits: Floats, new: int, to_beat: float) -> tuple[Floats, Floats] | None:
        """A weight of a feature and a shift of the bias, both (n_outputs,), that beat an objective; None: none do.

        The objective is that of the loss and of what depends on the feature. Newton steps, until it is low enough.

        Args:
            logits: (n, n_outputs), of the model without the feature.
            new: the feature.
            to_beat: the objective.

        """
        problem, texts = self.problem, self._texts(new)
        logits = logits.copy()
        weight, shift = np.zeros(logits.shape[1]), np.zeros(logits.shape[1])
        missing = 0.0  # of the objective, until it is low enough
        for _ in range(_NEWTON_STEPS):
            residual, curvature = problem.of_texts(logits, problem.targets)
            total, stiffness = curvature.sum(0), curvature[texts].sum(0)
            bias = residual.sum(0) / total
            slope = residual[texts].sum(0) - stiffness * bias - problem.ridge[new] * weight
            firm = firmness(stiffness[None], total, problem.ridge[[new]])
            step = slope / firm
            if (slope**2 / firm).sum() < missing:  # twice what the step gains by the quadratic model
                break
            bias -= step * stiffness / total
            logits += bias
            logits[texts] += step
            weight, shift = weight + step, shift + bias
            missing = float(cross_entropy(logits, problem.targets).sum()) + self._own(new, weight) - to_beat
            if missing < 0:
                return weight, shift
        return None

    def _own(self, feature: int, weight: Floats) -> float:
        """What of the objective, the loss aside, depends on a feature of this weight (n_outputs,)."""
        return float(self.price[feature] + self.problem.ridge[feature] * (weight**2).sum() / 2)

    def _texts(self, feature: int) -> npt.NDArray[np.int32]:
        X = self.problem.features.presence
        texts: npt.NDArray[np.int32] = X.indices[X.indptr[feature] : X.indptr[feature + 1]]
        return texts


@numba.njit(cache=True, nogil=True)
def _add_rows(
    indptr: npt.NDArray[np.int32],
    features: npt.NDArray[np.int32],
    texts: npt.NDArray[np.int32],
    values: Floats,
    sums: Floats,
) -> None:
    """Add values (m, n_outputs) of some texts to the sums (P, n_outputs) of the features that they hold."""
    for k in range(len(texts)):
        for at in range(indptr[texts[k]], indptr[texts[k] + 1]):
            for o in range(values.shape[1]):
                sums[features[at], o] += values[k, o]
