"""A comparison as a page of its own: no script, nothing loaded from elsewhere, everything escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template

from tokenlayer.comparison.comparison import Comparison
from tokenlayer.comparison.document import Document, Section, more_sections, shared_settings
from tokenlayer.comparison.pictures import pictures
from tokenlayer.escaping import harmless

_OPEN = 12  # conditions whose tokens are shown at once


def page(comparison: Comparison, told: Document) -> str:
    """The HTML; reads learning curves and tokens of the runs.

    Args:
        comparison: what to show.
        told: the same in sentences and tables.

    """
    template = Template(files("tokenlayer.comparison").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=_text(told.title),
        best=_text(told.best),
        missing=_missing(told.missing),
        sections="\n".join(map(_section, told.sections)),
        figures="\n".join(_figure(seen, svg) for seen, svg in pictures(comparison)),
        more="\n".join(map(_section, more_sections(comparison))),
        tokens="\n".join(_tokens(comparison)),
        shared=_text(told.shared or "The runs share no settings."),
        settings="\n".join(
            f"<tr><td>{_text(key)}</td><td><bdi>{_text(value)}</bdi></td></tr>"
            for key, value in shared_settings(comparison)
        ),
    )


def _missing(missing: Sequence[str]) -> str:
    if not missing:
        return ""
    items = "\n".join(f"<li>{_text(text)}</li>" for text in missing)
    return f'<div class="missing"><p>Missing, or not to be compared:</p>\n<ul>\n{items}\n</ul></div>'


def _section(section: Section) -> str:
    columns = [(str(column), column in section.texts) for column in section.table.columns]
    head = "".join(_cell("th", name, is_text) for name, is_text in columns)
    rows = []
    for place, row in enumerate(section.table.itertuples(index=False, name=None)):
        cells = "".join(_cell("td", str(value), is_text) for value, (_, is_text) in zip(row, columns, strict=True))
        rows.append(f'<tr class="chosen">{cells}</tr>' if place == section.best else f"<tr>{cells}</tr>")
    body = "\n".join(rows)
    return (
        f"<h2><bdi>{_text(section.heading)}</bdi></h2>\n"
        f'<div class="table"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n'
        f'<p class="dim">{_text(section.note)}</p>'
    )


def _cell(tag: str, text: str, is_text: bool) -> str:
    return f"<{tag}><bdi>{_text(text)}</bdi></{tag}>" if is_text else f'<{tag} class="n">{_text(text)}</{tag}>'


def _figure(seen: str, svg: str) -> str:
    return f'<figure role="img" aria-label="{_text(seen)}">{svg}</figure>'


def _tokens(comparison: Comparison) -> Iterator[str]:
    """The tokens of each condition; of many conditions the first are open."""
    tokens = comparison.tokens
    yield "<h2>Tokens that matter most</h2>"
    if not len(tokens):
        yield '<p class="dim">No run has recorded the effects of its tokens.</p>'
        return
    yield (
        '<p class="dim">Mean change of the logit when a token\'s matches are removed, over test texts and runs that '
        "have the token; ordered by the sum of its size over all runs. ␣ is a space, █ accepts any character.</p>"
    )
    yield from (f'<p class="dim">{_text(text)}</p>' for text in comparison.missing_tokens)
    yield '<div class="grid">'
    for place, (condition, of_condition) in enumerate(tokens.groupby("condition", sort=False)):
        rows = "\n".join(
            f'<tr><td class="token"><bdi>{_text(row["token"])}</bdi></td><td class="n">{row["effect"]:+.4f}</td>'
            f'<td><bdi>{_text(row["towards"])}</bdi></td><td class="n">{row["runs"]} of {row["of"]}</td></tr>'
            for row in of_condition.to_dict("records")
        )
        head = '<tr><th>token</th><th class="n">effect</th><th>towards</th><th class="n">runs</th></tr>'
        is_open = " open" if place < _OPEN else ""
        yield (
            f"<details{is_open}><summary><bdi>{_text(str(condition))}</bdi></summary>"
            f'<div class="table"><table><thead>{head}</thead><tbody>\n{rows}\n</tbody></table></div></details>'
        )
    yield "</div>"


def _text(text: object) -> str:
    return escape(harmless(str(text)))
