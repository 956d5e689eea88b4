import numpy as np
import pytest

from tokenlayer.selection.chi2 import best_first, chi_squared


def test_chi_squared_is_that_of_the_table():
    # 30 of 40 hold it in the one class, 10 of 60 in the other: expected 16 and 24.
    (score,) = chi_squared(np.array([[30, 10]]), np.array([40, 60]))
    assert score == pytest.approx(14**2 * (1 / 16 + 1 / 24 + 1 / 24 + 1 / 36))
    assert chi_squared(np.array([[40, 60], [0, 0]]), np.array([40, 60])).tolist() == [0, 0]
    assert chi_squared(np.array([[5, 3, 0]]), np.array([10, 10, 0])) == pytest.approx(2 * (1 / 4 + 1 / 6))


def test_the_best_come_first_and_of_equals_the_first():
    assert best_first(np.array([1.0, 3.0, 2.0, 3.0])).tolist() == [1, 3, 2, 0]
    many = np.arange(300) % 3
    assert best_first(many).tolist() == sorted(range(300), key=lambda i: -many[i])
