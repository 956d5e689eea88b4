"""A text of weight k counts as k such texts would."""

import numpy as np
import pytest
from selection_cases import features_of, problem

from tokenlayer.selection.l1_path import l1_support
from tokenlayer.selection.linear import Features, Floats, fit
from tokenlayer.selection.surgery import prune


def weighted_and_repeated(outputs: int, P: int) -> tuple[tuple[Features, Floats], tuple[Features, Floats]]:
    """The same problem twice: with weights from 1 to 4, and with every text as often as its weight says."""
    X, targets = problem(n=300, P=P, outputs=outputs, soft=True)
    weights = np.random.default_rng(7).integers(1, 5, len(X))
    rows = np.repeat(np.arange(len(X)), weights)
    weighted = Features(features_of(X).presence, weights.astype(np.float64))
    return (weighted, targets), (features_of(X[rows]), targets[rows])


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_classifier(outputs: int) -> None:
    (weighted, targets), (repeated, as_often) = weighted_and_repeated(outputs, P=12)
    found, expected = fit(weighted, targets, 0.05, 400), fit(repeated, as_often, 0.05, 400)
    np.testing.assert_allclose(found.weights, expected.weights, atol=2e-3)
    np.testing.assert_allclose(found.bias, expected.bias, atol=2e-3)
    unweighted = fit(Features(weighted.presence), targets, 0.05, 400)
    assert np.abs(unweighted.weights - expected.weights).max() > 0.02, "weights make a difference here"


def test_what_is_known_of_features() -> None:
    (weighted, _), (repeated, _) = weighted_and_repeated(1, P=12)
    assert weighted.total == repeated.total
    np.testing.assert_allclose(weighted.share, repeated.share)
    np.testing.assert_allclose(weighted.spread, repeated.spread)
    assert weighted.columns(np.array([1, 2])).total == weighted.total
    assert weighted.rows(np.isin(np.arange(300), [0, 5])).total == weighted.weights[[0, 5]].sum()


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_path(outputs: int) -> None:
    (weighted, targets), (repeated, as_often) = weighted_and_repeated(outputs, P=60)
    chosen = l1_support(weighted, targets, 15)
    np.testing.assert_array_equal(chosen, l1_support(repeated, as_often, 15))
    assert chosen.tolist() != l1_support(Features(weighted.presence), targets, 15).tolist()


@pytest.mark.parametrize("outputs", [1, 3])
def test_surgery(outputs: int) -> None:
    (weighted, targets), (repeated, as_often) = weighted_and_repeated(outputs, P=40)
    kept = prune(weighted, targets, 12, 0.05)
    np.testing.assert_array_equal(kept, prune(repeated, as_often, 12, 0.05))
    assert kept.tolist() != prune(Features(weighted.presence), targets, 12, 0.05).tolist()
