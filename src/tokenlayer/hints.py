"""Hints for messages about a wrong name: the names that come near it, and those that there are."""

import difflib
from collections.abc import Iterable, Sequence

# Longer lists hide the near names that stand before them.
_LISTED_AT_MOST = 20


def near(name: str, known: Iterable[str], *, at_most: int = 3) -> list[str]:
    """The known names that `name` may have meant, the nearest first; empty if none comes near."""
    return difflib.get_close_matches(name, list(dict.fromkeys(known)), n=at_most, cutoff=0.6)


def did_you_mean(names: Sequence[str]) -> str:
    """`; did you mean a or b?`, or nothing if there is no name."""
    return f"; did you mean {' or '.join(names)}?" if names else ""


def listed(names: Iterable[str]) -> str:
    """The names in alphabetical order, separated by commas; a long list is cut."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:_LISTED_AT_MOST])
    return f"{shown}, …" if len(ordered) > _LISTED_AT_MOST else shown or "none"


def hint(name: str, known: Iterable[str]) -> str:
    """`; did you mean a?; known: a, b, c`, to follow a message that says that there is no `name`."""
    names = list(known)
    return f"{did_you_mean(near(name, names))}; known: {listed(names)}"
