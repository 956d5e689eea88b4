"""The L1 path against proximal gradient steps to the exact solution, and against scikit-learn."""

import numpy as np
import pytest
from selection_cases import features_of, problem
from sklearn.linear_model import LogisticRegression

from tokenlayer.selection.l1_path import _descend, _descend_one, l1_choice, l1_support
from tokenlayer.selection.linear import Floats, Linear, probabilities
from tokenlayer.text.ngrams.presence import Presence


def exact_path(X: Floats, targets: Floats, size: int) -> tuple[Linear, float]:
    """The exact solution where the path first has so many features, and the penalty there; proximal gradient."""
    n, outputs = targets.shape
    scale = X.std(0) * np.sqrt(n)
    Z = X - X.mean(0)
    W, bias = np.zeros((X.shape[1], outputs)), np.zeros(outputs)

    def slope(W: Floats, bias: Floats) -> Floats:
        return probabilities(Z @ W + bias) - targets

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
def test_the_path_takes_the_support_of_the_exact_path(outputs: int, seed: int) -> None:
    X, targets = problem(n=400, P=60, outputs=outputs, seed=seed)
    for size in (5, 15, 30):
        ours = set(l1_support(features_of(X), targets, size).tolist())
        theirs = set(np.flatnonzero(exact_path(X, targets, size)[0].weights.any(axis=1)).tolist())
        assert len(ours) >= size
        assert len(ours ^ theirs) <= max(1, 0.1 * len(theirs))


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_exact_path_fulfils_the_conditions_of_optimality(outputs: int) -> None:
    """What the test above compares with."""
    X, targets = problem(n=400, P=60, outputs=outputs)
    model, penalty = exact_path(X, targets, 15)
    residual = targets - probabilities((X - X.mean(0)) @ model.weights + model.bias)
    scale = X.std(0) * np.sqrt(len(X))
    slope = (X - X.mean(0)).T @ residual / scale[:, None]
    norm = np.linalg.norm(model.weights, axis=1)
    chosen = norm > 0
    np.testing.assert_allclose(slope[chosen], penalty * model.weights[chosen] / norm[chosen, None], atol=1e-3)
    assert np.linalg.norm(slope[~chosen], axis=1).max() <= penalty * (1 + 1e-6)


def test_the_path_of_one_output_as_scikit_learn_has_it() -> None:
    X, targets = problem(n=400, P=40)
    model, penalty = exact_path(X, targets, 12)
    Z = (X - X.mean(0)) / X.std(0)
    theirs = LogisticRegression(
        l1_ratio=1, solver="saga", C=1 / (penalty * np.sqrt(len(X))), tol=1e-8, max_iter=20_000
    ).fit(Z, targets[:, 0])
    np.testing.assert_allclose(theirs.coef_[0] / X.std(0), model.weights[:, 0], atol=1e-3)


def test_of_near_copies_the_path_takes_one() -> None:
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
    chosen = l1_support(features_of(X), y, 6)
    kind = np.array([*range(6), *[0, 1, 2] * 5, *[6] * 20])
    assert {0, 1, 2, 3, 4} <= set(kind[chosen].tolist())
    alone = np.abs(X.T @ (y - y.mean())).ravel() / X.std(0)
    assert set(kind[np.argsort(-alone)[:6]].tolist()) <= {0, 1, 2}  # a ranking of single features takes copies


def test_the_path_when_there_are_not_so_many_features() -> None:
    X, targets = problem(P=5)
    assert len(l1_support(features_of(X), targets, 50)) == 5


def presence_of(dense):
    return Presence.of_texts(np.nonzero(dense)[1].astype(np.int32), dense.sum(1), dense.sum(0))


def random_presence(n=400, P=60, seed=0):
    draw = np.random.default_rng(seed)
    dense = draw.random((n, P)) < draw.uniform(0.02, 0.5, P)
    weight = np.where(np.arange(P) < 8, 3.0, 0.0) * draw.choice([-1, 1], P)
    labels = (draw.random(n) < 1 / (1 + np.exp(-(dense - dense.mean(0)) @ weight))).astype(np.int64)
    return dense, presence_of(dense), labels


def test_l1_choice_is_that_of_the_regression_on_all_candidates():
    dense, presence, labels = random_presence()
    found = l1_choice(presence, labels, 2, 8, standardise=True)
    assert set(found.tolist()) == set(range(8))
    # The same regularisation on a dense, standardised matrix, to full precision: as many weights at some strength.
    scaled = (dense - dense.mean(0)) / dense.std(0)
    for C in np.geomspace(0.005, 1, 60):
        model = LogisticRegression(solver="saga", l1_ratio=1, C=C, max_iter=5000, tol=1e-6).fit(scaled, labels)
        kept = np.flatnonzero(model.coef_[0])
        if len(kept) >= 14:
            break
    ours = l1_choice(presence, labels, 2, len(kept), standardise=True)
    assert len(set(ours.tolist()) & set(kept.tolist())) >= len(kept) - 2


def test_the_largest_effect_comes_first_and_not_the_largest_weight():
    """A token of half the texts that tells much, and one of few texts, of which it tells all."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 1000)
    dense = draw.random((1000, 12)) < 0.3
    dense[:, 3] = draw.random(1000) < np.where(labels == 1, 0.75, 0.25)
    dense[:, 7] = (labels == 1) & (draw.random(1000) < 0.08)
    assert l1_choice(presence_of(dense), labels, 2, 2, standardise=True).tolist() == [3, 7]


def test_raw_presence_chooses_otherwise():
    _, presence, labels = random_presence()
    standardised, raw = (set(l1_choice(presence, labels, 2, 20, standardise=s).tolist()) for s in (True, False))
    assert standardised != raw


@pytest.mark.parametrize("n", [1, 30, 60, 100])
def test_as_many_are_chosen_as_were_asked_for(n):
    _, presence, labels = random_presence()
    found = l1_choice(presence, labels, 2, n, standardise=True)
    assert len(found) == len(set(found.tolist())) == min(n, 60)


def test_a_token_of_every_text_or_of_none_tells_nothing():
    dense, _, labels = random_presence()
    dense[:, :20], dense[:, 20:30] = True, False
    for standardise in (True, False):
        found = l1_choice(presence_of(dense), labels, 2, 25, standardise=standardise)
        assert found.min() >= 30
    assert sorted(l1_choice(presence_of(dense), labels, 2, 59, standardise=True)[:30]) == list(range(30, 60))


def test_tokens_of_several_classes():
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 4, 800)
    dense = draw.random((800, 60)) < 0.3
    dense[:, :4] = draw.random((800, 4)) < np.where(labels[:, None] == np.arange(4), 0.7, 0.2)
    assert set(l1_choice(presence_of(dense), labels, 4, 4, standardise=True).tolist()) == {0, 1, 2, 3}


def test_one_output_is_descended_as_several_are() -> None:
    """The same sums in the same order: the same numbers."""
    X, targets = problem(n=500, P=40)
    indptr, texts = features_of(X).presence.indptr, features_of(X).presence.indices
    found = []
    for descend in (_descend_one, _descend):
        weights, bias = np.zeros((40, 1)), np.zeros(1)
        for penalty in (8.0, 4.0, 1.0):
            p = probabilities(X @ weights + bias)
            curvature = np.maximum(p * (1 - p), 0.01)
            descend(indptr, texts, targets - p, curvature, weights, bias, np.full(40, penalty), 1e-3)
        found.append((weights, bias))
    assert 5 < np.count_nonzero(found[0][0]) < 40
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
