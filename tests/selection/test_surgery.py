"""The choice of features against slow, exact solutions of the same problems."""

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from scipy import optimize

from tokenlayer.selection import surgery
from tokenlayer.selection.surgery import Features, Floats, Linear


def features_of(X: Floats) -> Features:
    rows = [np.flatnonzero(column).astype(np.int32) for column in X.T]
    bounds = np.concatenate([[0], np.cumsum([len(texts) for texts in rows])])
    return Features.of(np.concatenate(rows), bounds, len(X))


def problem(n: int = 300, P: int = 12, outputs: int = 1, seed: int = 0, soft: bool = False) -> tuple[Floats, Floats]:
    """Presence (n, P) of frequent and rare features, and targets that some of them decide."""
    random = np.random.default_rng(seed)
    X = (random.random((n, P)) < random.uniform(0.05, 0.6, P)).astype(np.float64)
    logits = X @ (random.normal(0, 2, (P, outputs)) * (random.random((P, 1)) < 0.6)) - 1.0
    p = surgery.probabilities(logits)
    if soft:
        return X, p
    if outputs == 1:
        return X, (random.random((n, 1)) < p).astype(np.float64)
    return X, np.eye(outputs)[[random.choice(outputs, p=row) for row in p]]


def objective(model: Linear, X: Floats, targets: Floats, penalty: float) -> float:
    """Mean cross-entropy and ridge, written down once more."""
    p = surgery.probabilities(X @ model.weights + model.bias)
    if targets.shape[1] == 1:
        loss = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum(1).mean()
    else:
        loss = -(targets * np.log(p)).sum(1).mean()
    return float(loss + penalty / 2 * (X.var(0)[:, None] * model.weights**2).sum())


def exact(X: Floats, targets: Floats, penalty: float) -> Linear:
    """Newton's method on all numbers at once, in float64, with derivatives by the formula."""
    outputs, P = targets.shape[1], X.shape[1]
    Z = np.column_stack([X, np.ones(len(X))])
    ridge = penalty * np.append(X.var(0), 1e-10)

    def parts(flat: Floats) -> tuple[Floats, Floats]:
        W = flat.reshape(P + 1, outputs)
        p = surgery.probabilities(Z @ W)
        slope = Z.T @ (p - targets) / len(X) + ridge[:, None] * W
        H = np.zeros((P + 1, outputs, P + 1, outputs))
        for a, b in itertools.product(range(outputs), repeat=2):
            weight = p[:, a] * ((a == b) - p[:, b])
            H[:, a, :, b] = Z.T @ (Z * weight[:, None]) / len(X)
            if a == b:
                H[:, a, :, b] += np.diag(ridge)
        return slope.ravel(), H.reshape((P + 1) * outputs, -1)

    W = np.zeros((P + 1) * outputs)
    for _ in range(50):
        slope, H = parts(W)
        W -= np.linalg.lstsq(H, slope, rcond=None)[0]
    assert np.abs(parts(W)[0]).max() < 1e-10
    weights = W.reshape(P + 1, outputs)
    return Linear(weights[:-1], weights[-1])


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("penalty", [0.01, 0.3])
def test_fit_is_the_penalised_maximum_likelihood(outputs: int, penalty: float, soft: bool) -> None:
    X, targets = problem(outputs=outputs, soft=soft)
    found = surgery.fit(features_of(X), targets, penalty, iterations=400)
    expected = exact(X, targets, penalty)
    np.testing.assert_allclose(found.weights, expected.weights, atol=0.01)
    ours, best = (objective(model, X, targets, penalty) for model in (found, expected))
    assert best - 1e-9 <= ours < best + 1e-6
    np.testing.assert_allclose(found.logits(features_of(X)), X @ found.weights + found.bias, atol=1e-5)


def test_few_iterations_are_nearly_enough() -> None:
    X, targets = problem(n=500, P=60)
    best = objective(exact(X, targets, 0.1), X, targets, 0.1)
    assert objective(surgery.fit(features_of(X), targets, 0.1), X, targets, 0.1) < best + 1e-4


def test_nothing_to_fit_is_the_share_of_the_classes() -> None:
    _, targets = problem(outputs=3)
    empty = Features.of(np.zeros(0, dtype=np.int32), np.zeros(1, dtype=np.int64), len(targets))
    model = surgery.fit(empty, targets, 0.1)
    np.testing.assert_allclose(surgery.probabilities(model.logits(empty))[0], targets.mean(0), atol=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_text_s_own_label_has_no_part_in_its_cross_fitted_prediction(outputs: int) -> None:
    X, targets = problem(n=120, P=200, outputs=outputs)  # more features than texts: much to be had from the own label
    features = features_of(X)
    before = surgery.cross_fitted(features, targets, 0.01, folds=2)
    for fold in (0, 1):
        mine = np.arange(120) % 2 == fold
        changed = targets.copy()
        changed[mine] = 1 - changed[mine] if outputs == 1 else np.roll(changed[mine], 1, axis=1)
        after = surgery.cross_fitted(features, changed, 0.01, folds=2)
        np.testing.assert_array_equal(after[mine], before[mine])
        assert not np.allclose(after[~mine], before[~mine], atol=1e-3)


def test_cross_fitted_predictions_are_those_of_models_of_the_other_folds() -> None:
    X, targets = problem()
    found = surgery.cross_fitted(features_of(X), targets, 0.1, folds=3)
    for fold in range(3):
        inside = np.arange(len(X)) % 3 != fold
        p = surgery.probabilities(X[~inside] @ (model := exact(X[inside], targets[inside], 0.1)).weights + model.bias)
        np.testing.assert_allclose(found[~inside], p, atol=0.01)


def lasso_path(X: Floats, targets: Floats, size: int) -> tuple[Linear, float]:
    """The exact solution where the path first has so many features, and the penalty there; proximal gradient."""
    n, outputs = targets.shape
    scale = X.std(0) * np.sqrt(n)
    Z = X - X.mean(0)
    W, bias = np.zeros((X.shape[1], outputs)), np.zeros(outputs)

    def slope(W: Floats, bias: Floats) -> Floats:
        return surgery.probabilities(Z @ W + bias) - targets

    penalty = np.inf
    share = targets.mean(0)
    bias[:] = np.log(share / (1 - share)) if outputs == 1 else np.log(share)
    penalty = (np.linalg.norm(Z.T @ slope(W, bias), axis=1) / scale).max()
    step = 1 / (np.linalg.norm(Z, 2) ** 2 + n) * 2
    for _ in range(60):
        penalty *= 0.8
        for _ in range(3000):
            residual = slope(W, bias)
            before = W
            moved = W - step * (Z.T @ residual)
            norm = np.maximum(np.linalg.norm(moved, axis=1), 1e-300)
            W = moved * np.maximum(0, 1 - step * penalty * scale / norm)[:, None]
            bias = bias - step * residual.sum(0)
            if np.abs(W - before).max() < 1e-9:
                break
        if W.any(axis=1).sum() >= size:
            break
    return Linear(W, bias), penalty


@pytest.mark.parametrize("outputs", [1, 3, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_lasso_takes_the_support_of_the_exact_path(outputs: int, seed: int) -> None:
    X, targets = problem(n=400, P=60, outputs=outputs, seed=seed)
    for size in (5, 15, 30):
        ours = set(surgery.lasso(features_of(X), targets, size).tolist())
        theirs = set(np.flatnonzero(lasso_path(X, targets, size)[0].weights.any(axis=1)).tolist())
        assert len(ours) >= size
        assert len(ours ^ theirs) <= max(1, 0.1 * len(theirs))


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_exact_path_fulfils_the_conditions_of_optimality(outputs: int) -> None:
    """What the test above compares with."""
    X, targets = problem(n=400, P=60, outputs=outputs)
    model, penalty = lasso_path(X, targets, 15)
    residual = targets - surgery.probabilities((X - X.mean(0)) @ model.weights + model.bias)
    scale = X.std(0) * np.sqrt(len(X))
    slope = (X - X.mean(0)).T @ residual / scale[:, None]
    norm = np.linalg.norm(model.weights, axis=1)
    chosen = norm > 0
    np.testing.assert_allclose(slope[chosen], penalty * model.weights[chosen] / norm[chosen, None], atol=1e-3)
    assert np.linalg.norm(slope[~chosen], axis=1).max() <= penalty * (1 + 1e-6)


def test_lasso_of_one_output_as_scikit_learn_has_it() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, targets = problem(n=400, P=40)
    model, penalty = lasso_path(X, targets, 12)
    Z = (X - X.mean(0)) / X.std(0)
    theirs = linear_model.LogisticRegression(
        l1_ratio=1, solver="saga", C=1 / (penalty * np.sqrt(len(X))), tol=1e-8, max_iter=20_000
    ).fit(Z, targets[:, 0])
    np.testing.assert_allclose(theirs.coef_[0] / X.std(0), model.weights[:, 0], atol=1e-3)


def test_of_near_copies_lasso_takes_one() -> None:
    random = np.random.default_rng(0)
    causes = (random.random((600, 6)) < 0.2).astype(np.float64)
    strength = np.array([4.0, 3.5, 3.0, 0.9, 0.8, 0.7])
    y = (random.random(600) < 1 / (1 + np.exp(-(causes @ strength - 2.2)))).astype(np.float64)[:, None]
    copies = [causes]
    for _ in range(5):  # of each strong cause, each lacking a text or two
        copy = causes[:, :3].copy()
        for column in copy.T:
            column[random.choice(np.flatnonzero(column), 2)] = 0
        copies.append(copy)
    X = np.column_stack([*copies, (random.random((600, 20)) < 0.2)]).astype(np.float64)
    chosen = surgery.lasso(features_of(X), y, 6)
    kind = np.array([*range(6), *[0, 1, 2] * 5, *[6] * 20])
    assert {0, 1, 2, 3, 4} <= set(kind[chosen].tolist())
    alone = np.abs(X.T @ (y - y.mean())).ravel() / X.std(0)
    assert set(kind[np.argsort(-alone)[:6]].tolist()) <= {0, 1, 2}  # a ranking of single features takes copies


def test_lasso_when_there_are_not_so_many_features() -> None:
    X, targets = problem(P=5)
    assert len(surgery.lasso(features_of(X), targets, 50)) == 5


def dropped_cost(X: Floats, targets: Floats, penalty: float, kept: list[int]) -> float:
    return objective(exact(X[:, kept], targets, penalty), X[:, kept], targets, penalty)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_pruned_is_the_feature_that_is_missed_least(outputs: int, seed: int) -> None:
    X, targets = problem(n=400, P=8, outputs=outputs, seed=seed)
    subsets = [list(kept) for kept in itertools.combinations(range(8), 7)]
    costs = {tuple(kept): dropped_cost(X, targets, 0.05, kept) for kept in subsets}
    whole = objective(exact(X, targets, 0.05), X, targets, 0.05)
    ours = costs[tuple(surgery.prune(features_of(X), targets, 7, 0.05).tolist())]
    least, median = min(costs.values()) - whole, float(np.median(list(costs.values()))) - whole
    assert ours - whole < least + 0.05 * (median - least)


@pytest.mark.parametrize("seed", range(3))
def test_pruned_to_half_it_is_nearly_the_best_half(seed: int) -> None:
    X, targets = problem(n=400, P=8, seed=seed)
    costs = {kept: dropped_cost(X, targets, 0.05, list(kept)) for kept in itertools.combinations(range(8), 4)}
    ours = costs[tuple(surgery.prune(features_of(X), targets, 4, 0.05).tolist())]
    ordered = sorted(costs.values())
    assert ours <= ordered[2]  # of 70


@pytest.mark.parametrize(("P", "sizes"), [(9, range(8, 0, -1)), (150, (149, 87, 86, 85, 20))])  # of blocks of 64
def test_the_surgeon_s_inverse_stays_the_inverse_of_what_is_left(P: int, sizes: Iterable[int]) -> None:
    """Against removing rows and columns and inverting again; the weights against a refit of the quadratic."""
    random = np.random.default_rng(0)
    root = random.normal(size=(P, P))
    H, optimum = root @ root.T + np.eye(P), random.normal(size=(P, 2))
    expected, stages = list(range(P)), {}
    while len(expected) > min(sizes):
        weights = np.linalg.solve(H[np.ix_(expected, expected)], (H @ optimum)[expected])
        inverse = np.linalg.inv(H[np.ix_(expected, expected)])
        expected.pop(int(((weights**2).sum(1) / np.diag(inverse)).argmin()))
        stages[len(expected)] = list(expected)
    for size in sizes:
        assert surgery._surgeon(np.linalg.inv(H), optimum.copy(), size).tolist() == stages[size]


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_curvature_is_that_of_the_loss(outputs: int) -> None:
    X, targets = problem(outputs=outputs)
    features = features_of(X)
    p = surgery.probabilities(surgery.fit(features, targets, 0.1).logits(features))
    curvature = (p * (1 - p)).sum(1)
    Z = np.column_stack([X / X.std(0), np.ones(len(X))])
    whole = Z.T @ (Z * curvature[:, None]) / len(X)
    P = X.shape[1]  # the bias, eliminated: Schur's complement
    expected = whole[:P, :P] - np.outer(whole[:P, P], whole[P, :P]) / whole[P, P] + 0.1 * np.eye(P)
    np.testing.assert_allclose(surgery._hessian(features, curvature, 0.1), expected, atol=1e-10)


def test_of_two_copies_one_is_pruned_and_the_other_stays() -> None:
    random = np.random.default_rng(0)
    X = (random.random((400, 6)) < 0.3).astype(np.float64)
    targets = surgery.probabilities(X @ np.array([[2.0], [-2.0], [2.5], [-1.5], [1.5], [2.0]]) - 1)
    with_copy = np.column_stack([X, X[:, 2]])
    kept = set(surgery.prune(features_of(with_copy), targets, 6, 0.01).tolist())
    assert len({2, 6} & kept) == 1


def test_rows_columns_and_spread() -> None:
    X, _ = problem(n=30, P=5)
    features = features_of(X)
    np.testing.assert_allclose(features.spread, X.std(0))
    some = np.array([4, 0])
    np.testing.assert_array_equal(features.columns(some).rows(np.arange(7)).presence.toarray(), X[:7][:, some])
    assert len(features.columns(some)) == 2


def test_soft_targets_move_the_optimum_as_repeated_hard_ones() -> None:
    X, hard = problem(n=100)
    targets = 0.75 * hard + 0.25 * (1 - hard)
    soft = surgery.fit(features_of(X), targets, 0.1, iterations=400)
    repeated = np.concatenate([np.tile(hard, (3, 1)), 1 - hard])
    as_counts = surgery.fit(features_of(np.tile(X, (4, 1))), repeated, 0.1, iterations=400)
    np.testing.assert_allclose(soft.weights, as_counts.weights, atol=0.01)


def test_the_optimum_is_one_for_a_library_too() -> None:
    X, targets = problem()
    start = np.zeros(X.shape[1] + 1)
    found = optimize.minimize(
        lambda w: objective(Linear(w[:-1, None], w[-1:]), X, targets, 0.1), start, method="BFGS", options={"gtol": 1e-8}
    )
    np.testing.assert_allclose(found.x[:-1, None], exact(X, targets, 0.1).weights, atol=1e-4)
