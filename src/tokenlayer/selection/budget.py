"""A budget for the tokens that are read: the price on reading a token at which a choice of tokens keeps to it.

What a token tells is weighed against how often it is read. With r the occurrences of an n-gram in a text, on average,
and w = 1 + κ r, what it is worth is divided by w² and what its weight costs on the L1 path is multiplied by w, as is
its L0 penalty. The larger κ, the rarer the tokens that are chosen, and the fewer of them stand in a text. κ = 0
leaves them free.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from tokenlayer.errors import InputError
from tokenlayer.selection.chi2 import best_first

if TYPE_CHECKING:
    from tokenlayer.text.ngrams.presence import Held

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
T = TypeVar("T")
Chooser = Callable[[Floats | None], Ints]
"""From the surcharge w (P,) of each candidate, or None, to the numbers of those that are chosen."""

_CLOSE = 0.97  # of the budget, which a choice has to use
_TRIES = 12
_LARGEST = 1e9  # κ: beyond, only how rare n-grams are decides
_SLOPE = 0.35  # by which κ divided the tokens in a text, more or less, on reviews


def surcharge(reads: Floats, price: float) -> Floats:
    """(P,): w = 1 + κ r.

    Args:
        reads: (P,): occurrences of each n-gram in a text, on average.
        price: κ.

    """
    return 1 + price * reads


def within_budget(
    choose: Callable[[float], tuple[float, T]], tokens_per_text: float, price: float = 0.0
) -> tuple[T, float]:
    """A choice that uses the budget and keeps to it, and its price κ.

    The logarithms of price and tokens are nearly on a line: a bracketed secant finds a price in two to five choices.

    Args:
        choose: a price to the tokens in a text, on average, and the choice. The larger the price, the fewer tokens,
            but for small irregularities.
        tokens_per_text: the budget.
        price: the first to be tried.

    Raises:
        InputError: at no price do so few tokens stand in a text.

    """
    kept: tuple[T, float, float] | None = None  # the choice that keeps to the budget and uses most of it
    points: list[tuple[float, float]] = []
    least = math.inf
    for _ in range(_TRIES):
        read, choice = choose(price)
        least = min(least, read)
        if read <= tokens_per_text and (kept is None or read > kept[2]):
            kept = choice, price, read
        if _CLOSE * tokens_per_text <= read <= tokens_per_text or (read <= tokens_per_text and price == 0):
            return choice, price
        points.append((price, read))
        price = min(_next_price(points, tokens_per_text), _LARGEST)
        if any(price == tried for tried, _ in points):
            break
    if kept is None:
        raise InputError(
            f"tokens_per_text={tokens_per_text:g}, but of the fewest there are {least:.3g} in a text: raise it, lower"
            " model.vocab_size, or allow rarer n-grams (min_texts)"
        )
    return kept[0], kept[1]


def best_under(surcharge: Floats | None, worth: Floats | Ints) -> Ints:
    """All candidates by their worth (P,), the best first, divided by the square of the surcharge (P,), if any."""
    return best_first(worth if surcharge is None else worth / surcharge**2)


def chosen_within(
    choose: Chooser, held: Callable[[], Held], tokens_per_text: float | None, most_read: int | None
) -> Ints:
    """The tokens that are chosen under a budget, or without one.

    Args:
        choose: chooses.
        held: gives, where there is a budget, the texts that hold each of the P candidates.
        tokens_per_text: the budget; None: no surcharge.
        most_read: tokens that are read of a text, at most; None: all.

    Raises:
        InputError: as `within_budget`.

    """
    if tokens_per_text is None:
        return choose(None)
    from tokenlayer.text.ngrams.presence import tokens_read  # noqa: PLC0415  # torch takes seconds; errors first

    candidates = held()

    def at(price: float) -> tuple[float, Ints]:
        chosen = choose(surcharge(candidates.reads, price))
        return tokens_read(candidates, chosen, most_read), chosen

    return within_budget(at, tokens_per_text)[0]


def _next_price(points: list[tuple[float, float]], budget: float) -> float:
    """The price to be tried next, by the prices that have been and the tokens in a text at each."""
    low, high = 0.0, math.inf  # prices that are too low, and high enough
    for price, read in points:
        if read > budget:
            low = max(low, price)
        else:
            high = min(high, price)
    of_price = dict(points)
    if low in of_price and 0 < low < high < math.inf:
        above, below = of_price[low], max(of_price[high], 1e-9)
        share = math.log(above / budget) / math.log(above / below)
        return math.exp(math.log(low) + min(max(share, 0.1), 0.9) * math.log(high / low))
    price, read = points[-1]
    guess = (max(read, 1e-9) / budget * (1 + _SLOPE * price) - 1) / _SLOPE
    if high == math.inf:
        return max(guess, 2 * low) if low in of_price and len(points) > 1 else guess
    return 0.0 if guess <= 1e-3 and low not in of_price else min(max(guess, 0.1 * high), 0.9 * high)
