"""What surgery drops against trying every subset, and against inverting again."""

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from selection_cases import exact, features_of, objective, problem

from tokenlayer.selection import surgery
from tokenlayer.selection.linear import Floats, fit, probabilities
from tokenlayer.selection.surgery import prune


def dropped_cost(X: Floats, targets: Floats, penalty: float, kept: list[int]) -> float:
    return objective(exact(X[:, kept], targets, penalty), X[:, kept], targets, penalty)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_pruned_is_the_feature_that_is_missed_least(outputs: int, seed: int) -> None:
    X, targets = problem(n=400, P=8, outputs=outputs, seed=seed)
    subsets = [list(kept) for kept in itertools.combinations(range(8), 7)]
    costs = {tuple(kept): dropped_cost(X, targets, 0.05, kept) for kept in subsets}
    whole = objective(exact(X, targets, 0.05), X, targets, 0.05)
    ours = costs[tuple(prune(features_of(X), targets, 7, 0.05).tolist())]
    least, median = min(costs.values()) - whole, float(np.median(list(costs.values()))) - whole
    assert ours - whole < least + 0.05 * (median - least)


@pytest.mark.parametrize("seed", range(3))
def test_pruned_to_half_it_is_nearly_the_best_half(seed: int) -> None:
    X, targets = problem(n=400, P=8, seed=seed)
    costs = {kept: dropped_cost(X, targets, 0.05, list(kept)) for kept in itertools.combinations(range(8), 4)}
    ours = costs[tuple(prune(features_of(X), targets, 4, 0.05).tolist())]
    ordered = sorted(costs.values())
    assert ours <= ordered[2]  # of 70


@pytest.mark.parametrize("priced", [False, True])
@pytest.mark.parametrize(("P", "sizes"), [(9, range(8, 0, -1)), (150, (149, 87, 86, 85, 20))])  # of blocks of 64
def test_the_surgeon_s_inverse_stays_the_inverse_of_what_is_left(P: int, sizes: Iterable[int], priced: bool) -> None:
    """Against removing rows and columns and inverting again; the weights against a refit of the quadratic."""
    random = np.random.default_rng(0)
    divisor = random.uniform(1, 9, P) if priced else np.ones(P)
    root = random.normal(size=(P, P))
    H, optimum = root @ root.T + np.eye(P), random.normal(size=(P, 2))
    expected, stages = list(range(P)), {}
    while len(expected) > min(sizes):
        weights = np.linalg.solve(H[np.ix_(expected, expected)], (H @ optimum)[expected])
        inverse = np.linalg.inv(H[np.ix_(expected, expected)])
        expected.pop(int(((weights**2).sum(1) / np.diag(inverse) / divisor[expected]).argmin()))
        stages[len(expected)] = list(expected)
    for size in sizes:
        assert surgery._surgeon(np.linalg.inv(H), optimum.copy(), size, divisor).tolist() == stages[size]


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_curvature_is_that_of_the_loss(outputs: int) -> None:
    X, targets = problem(outputs=outputs)
    features = features_of(X)
    p = probabilities(fit(features, targets, 0.1).logits(features))
    curvature = (p * (1 - p)).sum(1)
    Z = np.column_stack([X / X.std(0), np.ones(len(X))])
    whole = Z.T @ (Z * curvature[:, None]) / len(X)
    P = X.shape[1]  # the bias, eliminated: Schur's complement
    expected = whole[:P, :P] - np.outer(whole[:P, P], whole[P, :P]) / whole[P, P] + 0.1 * np.eye(P)
    np.testing.assert_allclose(surgery._hessian(features, curvature, 0.1), expected, atol=1e-10)


def test_of_two_copies_one_is_pruned_and_the_other_stays() -> None:
    random = np.random.default_rng(0)
    X = (random.random((400, 6)) < 0.3).astype(np.float64)
    targets = probabilities(X @ np.array([[2.0], [-2.0], [2.5], [-1.5], [1.5], [2.0]]) - 1)
    with_copy = np.column_stack([X, X[:, 2]])
    kept = set(prune(features_of(with_copy), targets, 6, 0.01).tolist())
    assert len({2, 6} & kept) == 1
