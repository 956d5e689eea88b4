"""Interval, McNemar and Holm on cases computed by hand."""

import math

import numpy as np
import pytest

from tokenlayer.comparison.means import mean_interval
from tokenlayer.comparison.paired import compare, holm, mcnemar_p


def answers(text: str) -> np.ndarray:
    """`+` stands for a text that was classified correctly."""
    return np.array([sign == "+" for sign in text])


def test_interval_of_three_seeds() -> None:
    found = mean_interval([0.86, 0.87, 0.88])
    # s = 0.01, t(0.975; 2) = 4.3027: 4.3027 · 0.01 / √3
    assert found.mean == pytest.approx(0.87)
    assert found.half_width == pytest.approx(0.024841, abs=1e-6)
    assert found.n == 3


def test_one_seed_has_no_interval() -> None:
    assert mean_interval([0.9]).mean == 0.9
    assert math.isnan(mean_interval([0.9]).half_width)
    assert mean_interval([]).n == 0


def test_mcnemar_is_the_binomial_of_those_that_differ() -> None:
    # 1 text only the first gets right, 5 only the second: 2 · (1 + 6) / 2⁶
    one, other = answers("+----- ++--"), answers("-+++++ ++--")
    assert mcnemar_p(one, other) == pytest.approx(14 / 64)
    assert mcnemar_p(other, one) == pytest.approx(14 / 64)


def test_mcnemar_of_equal_answers_is_one() -> None:
    assert mcnemar_p(answers("++--"), answers("++--")) == 1
    assert mcnemar_p(answers("+-"), answers("-+")) == 1


def test_mcnemar_needs_the_same_texts() -> None:
    with pytest.raises(ValueError, match="3 and 2 texts"):
        mcnemar_p(answers("+++"), answers("++"))


def test_comparison_takes_the_median_over_the_shared_seeds_and_pools_nothing() -> None:
    better, worse = answers("++++++----"), answers("----------")  # 6 to 0: p = 2/64
    same = answers("+++-------")
    one = {0: better, 1: same, 2: better, 7: better}
    other = {0: worse, 1: same, 2: worse, 8: worse}
    found = compare(one, other)
    assert found.median_p == pytest.approx(2 / 64)  # of 2/64, 1, 2/64; pooled it would be 2/4096
    assert found.difference.n == 3
    assert found.difference.mean == pytest.approx(0.4)
    with pytest.raises(ValueError, match="no seed in common"):
        compare({0: better}, {1: worse})


def test_holm() -> None:
    # sorted 0.01, 0.02, 0.04: ·3 = 0.03, ·2 = 0.04, ·1 = 0.04
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    # never falling: 0.03·2 = 0.06 before 0.031·1
    assert holm([0.03, 0.031]) == pytest.approx([0.06, 0.06])
    assert holm([0.7, 0.8]) == pytest.approx([1, 1])
    assert holm([]) == []
