"""What the pages of explanations have in common: no script, nothing loaded from elsewhere, one set of colours."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template

from tokenlayer.explain.palette import ABOVE, BELOW, RGB


def framed(title: str, body: str, **parts: str) -> str:
    """A whole page.

    Args:
        title: any text.
        body: file of this package with the template of what is in the page.
        parts: HTML for the places of the template.

    """
    content = _template(body).substitute(parts)
    colours = {"below_colour": _css(BELOW.strong), "above_colour": _css(ABOVE.strong)}
    return _template("frame.html").substitute(colours, title=escape(title), body=content)


def _template(name: str) -> Template:
    return Template(files("tokenlayer.explain").joinpath(name).read_text(encoding="utf-8"))


def _css(colour: RGB) -> str:
    return " ".join(map(str, colour))
