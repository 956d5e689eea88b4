"""Best subset selection against every subset, and against dense arithmetic for each coordinate and each swap."""

import itertools

import numpy as np
import pytest
from scipy import optimize
from selection_cases import exact, features_of, objective, problem

from tokenlayer.progress import Work
from tokenlayer.selection.l0_choice import l0_choice
from tokenlayer.selection.l0_path import _settle, descend, l0_path
from tokenlayer.selection.l0_problem import L0Problem, support
from tokenlayer.selection.l0_swaps import TOLERANCE, swap
from tokenlayer.selection.linear import Floats, Ints, Linear, probabilities
from tokenlayer.text.ngrams.presence import Presence

RIDGE = 0.02
OUTPUTS = pytest.mark.parametrize("outputs", [1, 3])


def posed(X: Floats, targets: Floats, cost: Floats | None = None) -> L0Problem:
    ridge = RIDGE * len(X) * X.var(0)
    return L0Problem(features_of(X), targets, ridge, np.ones(X.shape[1]) if cost is None else cost)


def total(model: Linear, X: Floats, targets: Floats) -> float:
    """The objective without its L0 part, of the sum over the texts."""
    return len(X) * objective(model, X, targets, RIDGE)


def least(X: Floats, targets: Floats, chosen: Ints) -> float:
    return total(exact(X[:, chosen], targets, RIDGE), X[:, chosen], targets)


def with_only(model: Linear, X: Floats, targets: Floats, feature: int, others: Ints) -> float:
    """The least objective, its L0 part aside, of a model where one feature's weight and the bias are free."""
    outputs = targets.shape[1]
    fixed = np.zeros_like(model.weights)
    fixed[others] = model.weights[others]

    def at(flat: Floats) -> float:
        weights = fixed.copy()
        weights[feature] = flat[:outputs]
        return total(Linear(weights, flat[outputs:]), X, targets)

    def slope(flat: Floats) -> Floats:
        weights = fixed.copy()
        weights[feature] = flat[:outputs]
        residual = probabilities(X @ weights + flat[outputs:]) - targets
        held_back = RIDGE * len(X) * X[:, feature].var() * flat[:outputs]
        return np.concatenate([X[:, feature] @ residual + held_back, residual.sum(0)])

    start = np.concatenate([model.weights[feature], model.bias])
    return float(optimize.minimize(at, start, jac=slope, method="BFGS", options={"gtol": 1e-4}).fun)


def without(model: Linear, X: Floats, targets: Floats, feature: int) -> float:
    """The same where the feature has no weight, and the bias alone is free."""
    rest = np.delete(model.weights, feature, axis=0)
    dense = np.column_stack([np.delete(X, feature, axis=1), np.zeros(len(X))])
    blank = Linear(np.vstack([rest, np.zeros((1, targets.shape[1]))]), model.bias)
    return with_only(blank, dense, targets, len(rest), np.arange(len(rest)))


def correlated(outputs: int, n: int = 300, seed: int = 0) -> tuple[Floats, Floats]:
    """Features of which each has two others that lack a few of its texts, or have a few more."""
    X, targets = problem(n=n, P=8, outputs=outputs, seed=seed)
    flip = np.random.default_rng(seed).random((3, *X.shape)) < np.array([0, 0.08, 0.15])[:, None, None]
    return np.concatenate(np.abs(X - flip), axis=1), targets


@OUTPUTS
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_choice_is_the_best_of_all_subsets(outputs: int, seed: int) -> None:
    X, targets = problem(n=300, P=9, outputs=outputs, seed=seed)
    given = posed(X, targets)
    model, penalty = l0_path(given, 3, Work("", None))
    chosen = swap(given, model, penalty, support(model), Work("", None))
    subsets = [np.array(subset) for subset in itertools.combinations(range(9), 3)]
    assert least(X, targets, chosen) <= min(least(X, targets, subset) for subset in subsets) + TOLERANCE


@OUTPUTS
@pytest.mark.parametrize("priced", [False, True])
def test_no_swap_is_left_that_lowers_the_objective(outputs: int, priced: bool) -> None:
    """From a bad choice: the first six of a random order."""
    X, targets = correlated(outputs)
    draw = np.random.default_rng(1)
    cost = draw.uniform(1, 3, X.shape[1]) if priced else np.ones(X.shape[1])
    penalty = 2.0
    given = posed(X, targets, cost)
    begun = draw.permutation(X.shape[1])[:6]
    model = Linear(np.zeros((X.shape[1], targets.shape[1])), np.zeros(targets.shape[1]))
    chosen = swap(given, model, penalty, begun, Work("", None))
    assert len(set(chosen.tolist())) == 6
    assert set(support(model).tolist()) == set(chosen.tolist())
    assert set(chosen.tolist()) != set(begun.tolist())
    reached = total(model, X, targets)
    assert reached == pytest.approx(least(X, targets, chosen), abs=TOLERANCE / 10)
    for out in chosen:
        others = chosen[chosen != out]
        for new in np.setdiff1d(np.arange(X.shape[1]), chosen):
            swapped = with_only(model, X, targets, new, others) + penalty * (cost[new] - cost[out])
            assert swapped >= reached - 1.1 * TOLERANCE, (out, new)


def test_swaps_find_what_the_path_misses() -> None:
    """The third feature tells most by itself, and nothing beside the two that decide."""
    draw = np.random.default_rng(0)
    causes = draw.random((600, 2)) < 0.4
    both = causes.any(axis=1) ^ (draw.random(600) < 0.03)
    X = np.column_stack([causes, both, draw.random((600, 10)) < 0.3]).astype(np.float64)
    targets = (draw.random((600, 1)) < probabilities(X[:, :2].sum(1, keepdims=True) * 3 - 2.5)).astype(np.float64)
    given = posed(X, targets)
    model, penalty = l0_path(given, 2, Work("", None))
    before = support(model)
    assert 2 in before
    after = swap(given, model, penalty, before, Work("", None))
    assert set(after.tolist()) == {0, 1}
    assert least(X, targets, after) < least(X, targets, before) - TOLERANCE


@OUTPUTS
@pytest.mark.parametrize("penalty", [1.0, 4.0, 12.0])
def test_each_feature_is_in_where_it_pays_and_out_where_it_does_not(outputs: int, penalty: float) -> None:
    X, targets = problem(n=400, P=20, outputs=outputs, seed=3)
    cost = np.random.default_rng(0).uniform(1, 2, 20)
    model = Linear(np.zeros((20, targets.shape[1])), np.zeros(targets.shape[1]))
    _settle(posed(X, targets, cost), model, penalty, 20)
    chosen = support(model)
    assert 0 < len(chosen) < 20
    reached = total(model, X, targets)
    for feature in range(20):
        if feature in chosen:
            assert without(model, X, targets, feature) - reached > 0.8 * penalty * cost[feature]
        else:
            # Of several outputs, the curvature is bounded from above by up to twice what it is.
            most = 1.2 if outputs == 1 else 2.4
            assert reached - with_only(model, X, targets, feature, chosen) < most * penalty * cost[feature]


@OUTPUTS
def test_without_a_threshold_the_descent_solves_the_quadratic_model(outputs: int) -> None:
    """Weighted least squares with a ridge and a free bias, output by output."""
    X, targets = problem(n=300, P=6, outputs=outputs)
    given = posed(X, targets)
    model = Linear(np.zeros((6, targets.shape[1])), np.zeros(targets.shape[1]))
    quadratic = given.around(given.logits(model))
    np.testing.assert_allclose(quadratic.slope, X.T @ quadratic.residual)
    np.testing.assert_allclose(quadratic.stiffness, X.T @ quadratic.curvature)
    descend(given, quadratic, model, np.arange(6), np.full(6, -np.inf), 6)
    Z = np.column_stack([X, np.ones(300)])
    for o in range(targets.shape[1]):
        H = Z.T @ (Z * quadratic.curvature[:, [o]]) + np.diag(np.append(given.ridge, 0))
        expected = np.linalg.solve(H, Z.T @ quadratic.residual[:, o])
        np.testing.assert_allclose(np.append(model.weights[:, o], model.bias[o]), expected, atol=0.02)


@OUTPUTS
def test_the_descent_lets_in_no_more_than_asked_for(outputs: int) -> None:
    X, targets = problem(n=300, P=30, outputs=outputs)
    for size in (1, 4, 9):
        model, _ = l0_path(posed(X, targets), size, Work("", None))
        assert len(support(model)) == size


def presence_of(dense):
    return Presence.of_texts(np.nonzero(dense)[1].astype(np.int32), dense.sum(1), dense.sum(0))


def random_presence(n=400, P=60, seed=0):
    draw = np.random.default_rng(seed)
    dense = draw.random((n, P)) < draw.uniform(0.02, 0.5, P)
    weight = np.where(np.arange(P) < 8, 3.0, 0.0) * draw.choice([-1, 1], P)
    labels = (draw.random(n) < 1 / (1 + np.exp(-(dense - dense.mean(0)) @ weight))).astype(np.int64)
    return dense, presence_of(dense), labels


def test_the_tokens_that_decide_are_chosen():
    _, presence, labels = random_presence()
    assert set(l0_choice(presence, labels, 2, 8).tolist()) == set(range(8))


def test_the_largest_effect_comes_first_and_not_the_largest_weight():
    """A token of half the texts that tells much, and one of few texts, of which it tells all."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 1000)
    dense = draw.random((1000, 12)) < 0.3
    dense[:, 3] = draw.random(1000) < np.where(labels == 1, 0.75, 0.25)
    dense[:, 7] = (labels == 1) & (draw.random(1000) < 0.08)
    assert l0_choice(presence_of(dense), labels, 2, 2).tolist() == [3, 7]


@pytest.mark.parametrize("n", [1, 30, 59, 60, 100])
def test_as_many_are_chosen_as_were_asked_for(n):
    _, presence, labels = random_presence()
    found = l0_choice(presence, labels, 2, n)
    assert len(found) == len(set(found.tolist())) == min(n, 60)


def test_a_token_of_every_text_or_of_none_tells_nothing():
    dense, _, labels = random_presence()
    dense[:, :20], dense[:, 20:30] = True, False
    assert l0_choice(presence_of(dense), labels, 2, 25).min() >= 30
    assert sorted(l0_choice(presence_of(dense), labels, 2, 59)[:30]) == list(range(30, 60))
    dense[:, 30:] = True
    assert len(set(l0_choice(presence_of(dense), labels, 2, 5).tolist())) == 5


def test_tokens_of_several_classes():
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 4, 800)
    dense = draw.random((800, 60)) < 0.3
    dense[:, :4] = draw.random((800, 4)) < np.where(labels[:, None] == np.arange(4), 0.7, 0.2)
    assert set(l0_choice(presence_of(dense), labels, 4, 4).tolist()) == {0, 1, 2, 3}


def test_of_equal_tokens_the_cheaper_one_is_chosen():
    dense, _, labels = random_presence()
    twice = presence_of(np.column_stack([dense, dense]))
    dear = np.repeat([1.0, 1.3], 60)
    for surcharge in (dear, dear[::-1]):
        found = l0_choice(twice, labels, 2, 8, surcharge=surcharge)
        cheap = found[surcharge[found] == 1.0]
        assert len(cheap) >= 6
        assert set((found % 60).tolist()) == set((cheap % 60).tolist())
