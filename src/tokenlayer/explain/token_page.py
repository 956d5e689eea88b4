"""A token on a page: where it occurs, and with what effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tokenlayer.explain.frame import framed


@dataclass(frozen=True)
class Occurrence:
    """A text that holds the token."""

    line: int
    """Its place in the table's file."""
    where: tuple[str, str, str]
    """What is before the token's first match, the match, and what is behind it; harmless to print."""
    effect: float
    """The logit as it is minus the logit without the token's matches."""
    predicted: tuple[str, str]
    """The class that the model predicts with the token's matches, and without them; harmless to print."""
    probabilities: tuple[float, float]
    """The probability of each of the two."""
    label: str | None
    """Its class, harmless to print; None: not known."""


@dataclass(frozen=True)
class TokenUse:
    """A token in the texts of a table."""

    token: str
    """As it is shown to people."""
    towards: str
    """The class that it speaks for, "" where it changes nothing; harmless to print."""
    scale: str
    """What effects are changes of, in words."""
    n_texts: int
    """All texts of the table."""
    n_holding: int
    """Those that hold the token."""
    n_matches: int
    """All its matches."""
    n_decided: int
    """Texts whose class is another one without it."""
    mean_effect: float
    """Over the texts that hold it; 0 where none does."""
    by_class: Sequence[tuple[str, int, int]]
    """Each class with the number of its texts that hold the token, and of all its texts; empty: not known."""
    occurrences: Sequence[Occurrence]
    """Those that tell most."""


def token_page(use: TokenUse, source: str) -> str:
    """The HTML.

    Args:
        use: what to show.
        source: the run or checkpoint, to be named; any text.

    """
    return framed(
        f"{use.token}: a token explained",
        "token_page.html",
        token=escape(use.token),
        source=escape(source),
        figures="\n".join(_figures(use)),
        classes=_classes(use.by_class),
        scale=escape(use.scale),
        label="<th>label</th>" if any(each.label is not None for each in use.occurrences) else "",
        rows="\n".join(_rows(use.occurrences)),
    )


def _figures(use: TokenUse) -> Iterator[str]:
    share = use.n_holding / use.n_texts
    for name, value in (
        ("texts that hold it", f"{use.n_holding:,} of {use.n_texts:,} ({share:.2%})"),
        ("matches", f"{use.n_matches:,}"),
        ("mean effect where it is", f"{use.mean_effect:+.4f}"),
        ("speaks for", use.towards or "no class"),
        ("texts of another class without it", f"{use.n_decided:,}"),
    ):
        yield f'<tr><th scope="row">{name}</th><td><bdi>{escape(value)}</bdi></td></tr>'


def _classes(by_class: Sequence[tuple[str, int, int]]) -> str:
    if not by_class:
        return ""
    head = '<thead><tr><th>class</th><th class="n">texts that hold it</th><th class="n">of</th><th></th></tr></thead>'
    rows = (
        f'<tr><th scope="row"><bdi>{escape(name)}</bdi></th><td class="n">{holding:,}</td><td class="n">{every:,}</td>'
        f'<td class="bar"><div class="other" style="width:{holding / max(every, 1):.2%}"></div></td></tr>'
        for name, holding, every in by_class
    )
    return f"<h2>By class</h2>\n<table>\n{head}\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>"


def _rows(occurrences: Sequence[Occurrence]) -> Iterator[str]:
    for each in occurrences:
        sign = "up" if each.effect > 0 else "down" if each.effect < 0 else ""
        hue = {"up": "above", "down": "below"}.get(sign, "other")
        before, inside, behind = map(escape, each.where)
        classes = "".join(
            f"<td><bdi>{escape(name)}</bdi> {probability:.4f}</td>"
            for name, probability in zip(each.predicted, each.probabilities, strict=True)
        )
        label = "" if each.label is None else f"<td><bdi>{escape(each.label)}</bdi></td>"
        yield (
            f'<tr><td class="n">{each.line}</td><td class="n {sign}">{each.effect:+.4f}</td>{classes}{label}'
            f'<td><bdi>{before}<span class="{hue}" style="--s:.8">{inside}</span>{behind}</bdi></td></tr>'
        )
