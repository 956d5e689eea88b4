"""Many texts explained on one page, sorted by how sure the model is of them, and by whether it is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tokenlayer.escaping import harmless
from tokenlayer.explain.explanation import Explanation
from tokenlayer.explain.frame import framed
from tokenlayer.explain.page import painted
from tokenlayer.explain.spans import largest, spans


@dataclass(frozen=True)
class ExplainedRow:
    """A text of a table."""

    line: int
    """Its place in the table's file."""
    label: str | None
    """Its class; None: not known."""
    explanation: Explanation


@dataclass(frozen=True)
class Section:
    """Texts that have something in common."""

    heading: str
    rows: Sequence[ExplainedRow]


@dataclass(frozen=True)
class Gallery:
    """The texts of a table that tell most about a model."""

    n_texts: int
    """All texts of the table."""
    n_right: int | None
    """The number of those that the model is right about; None: not known."""
    text_length: int
    """L, the characters at most that the model sees."""
    sections: Sequence[Section]
    """None of them without a text."""

    @property
    def summary(self) -> str:
        """The figures in words."""
        texts = f"{self.n_texts:,} texts"
        if self.n_right is None:
            return texts
        return f"{texts}, the model is right about {self.n_right:,} of them ({self.n_right / self.n_texts:.2%})"


def gallery_page(gallery: Gallery, source: str) -> str:
    """The HTML.

    Args:
        gallery: what to show.
        source: the run or checkpoint, to be named; any text.

    """
    explanations = [row.explanation for section in gallery.sections for row in section.rows]
    top = max(largest(spans(explanation), explanation.tokens) for explanation in explanations)
    below, above, scale = _scale(explanations[0])
    return framed(
        "texts explained",
        "gallery.html",
        source=escape(source),
        summary=escape(gallery.summary),
        below=escape(below),
        above=escape(above),
        largest=f"{top:.4f}",
        scale=escape(scale),
        text_length=f"{gallery.text_length:,}",
        sections="\n".join(_section(section, top) for section in gallery.sections),
    )


def _scale(one: Explanation) -> tuple[str, str, str]:
    """What an effect below 0 speaks for, what one above 0, and what effects are changes of: for any text."""
    if len(one.class_names) == 2:
        return (*one.poles, one.scale)
    return (
        "against the class that is predicted",
        "for it",
        "the logit of the class that is predicted, against the mean of all classes",
    )


def _section(section: Section, top: float) -> str:
    return f"<h2>{escape(section.heading)}</h2>\n" + "\n".join(_articles(section.rows, top))


def _articles(rows: Sequence[ExplainedRow], top: float) -> Iterator[str]:
    for row in rows:
        predicted, probability = row.explanation.ranked[0]
        label = "" if row.label is None else f", labelled <bdi>{escape(harmless(row.label))}</bdi>"
        yield (
            f'<article><p><bdi>{escape(predicted)}</bdi> {probability:.4f}{label} <span class="dim">line {row.line}'
            f'</span></p><div class="text" dir="auto">{painted(spans(row.explanation), top)}</div></article>'
        )
