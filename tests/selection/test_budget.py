"""The price at which a choice keeps to a budget of tokens that stand in a text."""

from collections.abc import Callable

import numpy as np
import pytest

from tokenlayer.errors import InputError
from tokenlayer.selection.budget import best_under, chosen_within, surcharge, within_budget
from tokenlayer.text.ngrams.presence import Presence

FALLING: dict[str, Callable[[float], float]] = {
    "as on reviews": lambda price: 48.8 / (1 + 0.35 * price),
    "slowly": lambda price: 60 / (1 + price) ** 0.3,
    "steeply": lambda price: 60 * np.exp(-price / 5),
    "in steps": lambda price: float(np.floor(600 / (1 + 0.35 * price)) / 10),
}


@pytest.mark.parametrize("budget", [40.0, 17.0, 2.0])
@pytest.mark.parametrize("first", [0.0, 0.01, 5.0, 1000.0])
@pytest.mark.parametrize("falling", FALLING.values(), ids=FALLING.keys())
def test_the_budget_is_kept_to_and_used(falling: Callable[[float], float], first: float, budget: float) -> None:
    tried = []

    def choose(price: float) -> tuple[float, float]:
        tried.append(price)
        return falling(price), price

    choice, price = within_budget(choose, budget, first)
    assert choice == price
    assert 0.9 * budget < falling(price) <= budget
    assert len(tried) <= 12


def test_the_next_price_is_near_where_the_last_one_was() -> None:
    tried = []

    def choose(price: float) -> tuple[float, None]:
        tried.append(price)
        return 50 / (1 + 0.3 * price), None

    _, price = within_budget(choose, 20.0)
    tried.clear()
    within_budget(choose, 20.0, price)
    assert tried == [price]


@pytest.mark.parametrize("first", [0.0, 3.0])
def test_no_price_where_the_budget_is_wide(first: float) -> None:
    assert within_budget(lambda price: (9 - price / 1000, price), 20.0, first) == (0.0, 0.0)


def test_a_choice_that_jumps_over_the_budget_stays_below_it() -> None:
    choice, _ = within_budget(lambda price: (30.0 if price < 7 else 5.0,) * 2, 20.0)
    assert choice == 5.0


def test_a_budget_that_no_choice_keeps_to() -> None:
    with pytest.raises(InputError, match=r"tokens_per_text=1, but of the fewest there are 3 in a text: raise it"):
        within_budget(lambda price: (3.0 + 9 / (1 + price), None), 1.0)


def test_the_fewest_are_those_at_the_largest_price() -> None:
    """However far beyond it the first guess is."""
    with pytest.raises(InputError, match=r"of the fewest there are 0\.3 in a text"):
        within_budget(lambda price: (0.3 + 9 / (1 + price), None), 1e-10)


def test_what_is_read_often_has_to_tell_more() -> None:
    worth, reads = np.array([9.0, 8.0, 7.0, 1.0]), np.array([2.0, 0.1, 0.2, 0.01])
    assert best_under(None, worth).tolist() == [0, 1, 2, 3]
    assert best_under(surcharge(reads, 1.0), worth).tolist() == [1, 2, 0, 3]
    held = Presence(np.zeros(0, dtype=np.int32), np.zeros(5, dtype=np.int64), 100, (100 * reads).round().astype(int))
    asked = []

    def choose(w: np.ndarray | None) -> np.ndarray:
        asked.append(w)
        return best_under(w, worth)[:2]

    assert chosen_within(choose, lambda: held, 0.5, None).tolist() == [1, 2]
    assert chosen_within(choose, lambda: pytest.fail("of no use"), None, None).tolist() == [0, 1]
    assert asked[-1] is None
