"""An explanation as a page of its own: no script, nothing loaded from elsewhere, everything escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tokenlayer.explain.explanation import Explanation, Token
from tokenlayer.explain.frame import framed
from tokenlayer.explain.palette import strength
from tokenlayer.explain.spans import Span, largest, spans

_HOVERED = 12  # tokens that are named when the pointer is on a character


def page(explanation: Explanation, source: str) -> str:
    """The HTML.

    Args:
        explanation: what to show.
        source: the run or checkpoint, to be named; any text.

    """
    parts = spans(explanation)
    top = largest(parts, explanation.tokens)
    below, above = explanation.poles
    return framed(
        f"{explanation.predicted}: a text explained",
        "page.html",
        predicted=escape(explanation.predicted),
        source=escape(source),
        probabilities="\n".join(_probabilities(explanation)),
        notes="\n".join(f"<li>{escape(note)}</li>" for note in explanation.seen.notes),
        text=painted(parts, top),
        below=escape(below),
        above=escape(above),
        largest=f"{top:.4f}",
        scale=escape(explanation.scale),
        tokens="\n".join(_rows(explanation.tokens)),
    )


def painted(parts: Sequence[Span], top: float) -> str:
    """A text in the colours of the effects on it, `top` being the strongest."""
    return "".join(_span(part, top) for part in parts)


def _probabilities(explanation: Explanation) -> Iterator[str]:
    """One row a class, in the colour that stands for it in the text."""
    below, above = explanation.poles
    for name, probability in explanation.ranked:
        hue = "below" if name == below else "above" if name in (above, explanation.predicted) else "other"
        yield (
            f'<tr><th scope="row"><bdi>{escape(name)}</bdi></th><td class="n">{probability:.4f}</td>'
            f'<td class="bar"><div class="{hue}" style="--s:.8;width:{probability:.2%}"></div></td></tr>'
        )


def _span(part: Span, top: float) -> str:
    if not part.tokens:
        return escape(part.text)
    share = strength(part.effect, top)
    sign = "above" if share > 0 else "below" if share < 0 else "faint"
    return (
        f'<span class="{sign}" style="--s:{abs(share):.3f}" title="{escape(_hover(part))}">{escape(part.text)}</span>'
    )


def _hover(part: Span) -> str:
    lines = [f"{token.quoted} {token.effect:+.4f}" for token in part.tokens[:_HOVERED]]
    if len(part.tokens) > _HOVERED:
        lines.append(f"and {len(part.tokens) - _HOVERED} more")
    if len(part.tokens) > 1:
        lines.append(f"together {part.effect:+.4f}")
    return "\n".join(lines)


def _rows(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        sign = "up" if token.effect > 0 else "down" if token.effect < 0 else ""
        yield (
            f'<tr><td class="token"><bdi>{escape(token.quoted)}</bdi></td><td class="n">{token.matches}</td>'
            f'<td class="n {sign}">{token.effect:+.4f}</td><td><bdi>{escape(token.towards)}</bdi></td></tr>'
        )
