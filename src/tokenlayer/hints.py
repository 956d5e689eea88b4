"""Hints for messages about a wrong name: the names that come near it, and those that there are."""

import difflib
from collections.abc import Iterable, Sequence
from itertools import islice

# Longer lists hide the near names that stand before them.
_LISTED_AT_MOST = 20
_LONGEST_NAME = 200  # characters: comparing two names takes the square of their lengths
_MOST_COMPARED = 10_000


def near(name: str, known: Iterable[str], *, at_most: int = 3) -> list[str]:
    """The known names that `name` may have meant, the nearest first; empty if none comes near."""
    if len(name) > _LONGEST_NAME:
        return []
    candidates = (other for other in dict.fromkeys(known) if len(other) <= _LONGEST_NAME)
    return difflib.get_close_matches(name, list(islice(candidates, _MOST_COMPARED)), n=at_most, cutoff=0.6)


def shortened(text: str, longest: int = _LONGEST_NAME) -> str:
    """`text`, of which a message shows no more than its beginning."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def did_you_mean(names: Sequence[str]) -> str:
    """`; did you mean a or b?`, or nothing if there is no name."""
    return f"; did you mean {' or '.join(names)}?" if names else ""


def listed(names: Iterable[str]) -> str:
    """The names in alphabetical order, separated by commas; a long list is cut."""
    ordered = sorted(names)
    shown = ", ".join(map(shortened, ordered[:_LISTED_AT_MOST]))
    return f"{shown}, …" if len(ordered) > _LISTED_AT_MOST else shown or "none"


def hint(name: str, known: Iterable[str]) -> str:
    """`; did you mean a?; known: a, b, c`, to follow a message that says that there is no `name`."""
    names = list(known)
    return f"{did_you_mean(near(name, names))}; known: {listed(names)}"
