"""The linear classifier against Newton's method on all numbers at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from scipy import optimize
from selection_cases import exact, features_of, objective, problem
from threadpoolctl import threadpool_info, threadpool_limits

from tokenlayer.progress import Work, shown_by
from tokenlayer.selection import linear
from tokenlayer.selection.linear import Features, Linear, cross_fitted, fit, one_hot, probabilities


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("penalty", [0.01, 0.3])
def test_fit_is_the_penalised_maximum_likelihood(outputs: int, penalty: float, soft: bool) -> None:
    X, targets = problem(outputs=outputs, soft=soft)
    found = fit(features_of(X), targets, penalty, iterations=400)
    expected = exact(X, targets, penalty)
    np.testing.assert_allclose(found.weights, expected.weights, atol=0.01)
    ours, best = (objective(model, X, targets, penalty) for model in (found, expected))
    assert best - 1e-9 <= ours < best + 1e-6
    np.testing.assert_allclose(found.logits(features_of(X)), X @ found.weights + found.bias, atol=1e-5)


def test_few_iterations_are_nearly_enough() -> None:
    X, targets = problem(n=500, P=60)
    best = objective(exact(X, targets, 0.1), X, targets, 0.1)
    assert objective(fit(features_of(X), targets, 0.1), X, targets, 0.1) < best + 1e-4


def test_nothing_to_fit_is_the_share_of_the_classes() -> None:
    _, targets = problem(outputs=3)
    empty = Features.of(np.zeros(0, dtype=np.int32), np.zeros(1, dtype=np.int64), len(targets))
    model = fit(empty, targets, 0.1)
    np.testing.assert_allclose(probabilities(model.logits(empty))[0], targets.mean(0), atol=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_text_s_own_label_has_no_part_in_its_cross_fitted_prediction(outputs: int) -> None:
    X, targets = problem(n=120, P=200, outputs=outputs)  # more features than texts: much to be had from the own label
    features = features_of(X)
    before = cross_fitted(features, targets, 0.01, folds=2)
    for fold in (0, 1):
        mine = np.arange(120) % 2 == fold
        changed = targets.copy()
        changed[mine] = 1 - changed[mine] if outputs == 1 else np.roll(changed[mine], 1, axis=1)
        after = cross_fitted(features, changed, 0.01, folds=2)
        np.testing.assert_array_equal(after[mine], before[mine])
        assert not np.allclose(after[~mine], before[~mine], atol=1e-3)


def test_cross_fitted_predictions_are_those_of_models_of_the_other_folds() -> None:
    X, targets = problem()
    found = cross_fitted(features_of(X), targets, 0.1, folds=3)
    for fold in range(3):
        inside = np.arange(len(X)) % 3 != fold
        p = probabilities(X[~inside] @ (model := exact(X[inside], targets[inside], 0.1)).weights + model.bias)
        np.testing.assert_allclose(found[~inside], p, atol=0.01)


def test_cross_fitted_predictions_do_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    X, targets = problem(n=200, P=300)
    found, of_blas = [], []
    fitted = linear.fit

    def watched(*arguments: Any, **settings: Any) -> Linear:
        of_blas.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return fitted(*arguments, **settings)

    monkeypatch.setattr(linear, "fit", watched)
    for n_threads in (1, 2, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=n_threads: n)
        with threadpool_limits(2, "blas"):
            found.append(cross_fitted(features_of(X), targets, 0.1, folds=3))
            assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {2}
    assert set(of_blas) == {1}
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_fit_needs_no_threads_of_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    X, targets = problem()
    of_blas: list[int] = []
    minimize = linear.optimize.minimize

    def watched(*arguments: Any, **settings: Any) -> Any:
        of_blas.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return minimize(*arguments, **settings)

    monkeypatch.setattr(linear.optimize, "minimize", watched)
    with threadpool_limits(2, "blas"):
        linear.fit(features_of(X), targets, 0.1)
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {2}
    assert set(of_blas) == {1}


def test_cross_fitting_says_how_far_it_is() -> None:
    X, targets = problem()
    shown: list[tuple[Work, int]] = []

    @contextmanager
    def display(work: Work) -> Iterator[None]:
        yield
        shown.append((work, work.done_now()))

    with shown_by(display):
        cross_fitted(features_of(X), targets, 0.1, folds=3)
    ((work, done),) = shown
    assert done == work.total == 120


def test_rows_columns_and_spread() -> None:
    X, _ = problem(n=30, P=5)
    features = features_of(X)
    np.testing.assert_allclose(features.spread, X.std(0))
    some = np.array([4, 0])
    kept = np.random.default_rng(1).random(30) < 0.4
    np.testing.assert_array_equal(features.columns(some).rows(kept).presence.toarray(), X[kept][:, some])
    assert len(features.columns(some)) == 2


def test_soft_targets_move_the_optimum_as_repeated_hard_ones() -> None:
    X, hard = problem(n=100)
    targets = 0.75 * hard + 0.25 * (1 - hard)
    soft = fit(features_of(X), targets, 0.1, iterations=400)
    repeated = np.concatenate([np.tile(hard, (3, 1)), 1 - hard])
    as_counts = fit(features_of(np.tile(X, (4, 1))), repeated, 0.1, iterations=400)
    np.testing.assert_allclose(soft.weights, as_counts.weights, atol=0.01)


def test_the_optimum_is_one_for_a_library_too() -> None:
    X, targets = problem()
    start = np.zeros(X.shape[1] + 1)
    found = optimize.minimize(
        lambda w: objective(Linear(w[:-1, None], w[-1:]), X, targets, 0.1), start, method="BFGS", options={"gtol": 1e-8}
    )
    np.testing.assert_allclose(found.x[:-1, None], exact(X, targets, 0.1).weights, atol=1e-4)


def test_labels_as_outputs() -> None:
    assert one_hot(np.array([0, 1, 1]), 2).tolist() == [[0], [1], [1]]
    assert one_hot(np.array([2, 0, 1, 1]), 3).tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]]


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_fit_makes_no_more_of_the_last_digits(outputs: int) -> None:
    """Other kernels of a library round otherwise: what they change must stay far below what a choice depends on."""
    X, targets = problem(n=400, P=60, outputs=outputs)
    noise = 1 + 2e-16 * np.random.default_rng(0).integers(-1, 2, targets.shape)
    fitted = [fit(features_of(X), some, 0.05) for some in (targets * 0.85 + 0.05, (targets * 0.85 + 0.05) * noise)]
    np.testing.assert_allclose(fitted[0].weights, fitted[1].weights, rtol=0, atol=1e-10)


@pytest.mark.parametrize("outputs", [1, 3])
def test_products_with_presence(outputs: int) -> None:
    X, targets = problem(outputs=outputs)
    weights = np.random.default_rng(0).normal(size=(X.shape[1], outputs))
    np.testing.assert_allclose(features_of(X).times(weights), X @ weights, atol=1e-12)
    np.testing.assert_allclose(features_of(X).sums(targets), X.T @ targets, atol=1e-12)
