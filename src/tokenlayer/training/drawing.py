"""Figures of texts that are not this program's own: drawn as they are, and never worth a run."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tokenlayer.atomic import replacing
from tokenlayer.escaping import harmless

_LONGEST = 60  # characters of a name: more would leave no room for the drawing

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)  # matplotlib repeats the letters in them

_log = logging.getLogger(__name__)


@contextmanager
def plain_text() -> Iterator[None]:
    """Within: a `$` is a dollar and begins no formula, and characters that the font lacks are boxes without a word."""
    with mpl.rc_context({"text.parse_math": False, "text.usetex": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ ", category=UserWarning)
        yield


def save_figure(draw: Callable[[], Figure], path: Path, dpi: int) -> None:
    """Draw a figure into a PNG file. One that cannot be drawn is a warning: the run that it shows has its results."""
    picture = io.BytesIO()
    try:
        with plain_text():
            figure = draw()
            figure.set_dpi(dpi)
            # `savefig` would lay it out and draw it twice, in vain at first: to look how large it becomes.
            FigureCanvasAgg(figure).print_png(picture)  # type: ignore[no-untyped-call]  # untyped in matplotlib
    except Exception as error:  # whatever is wrong with a picture
        _log.warning("%s is left out: it cannot be drawn (%s: %s)", path.name, type(error).__name__, error)
        return
    with replacing(path) as unfinished:
        unfinished.write_bytes(picture.getvalue())


def as_svg(draw: Callable[[], Figure], name: str) -> str | None:
    """A figure as an SVG element, to stand in a page; None, and a warning, for one that cannot be drawn.

    Letters are outlines: nothing of the text is markup, and no font is needed.

    Args:
        draw: makes the figure.
        name: tells its ids from those of other figures in the page.

    """
    picture = io.StringIO()
    try:
        with plain_text(), mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": name}):
            draw().savefig(picture, format="svg", metadata={"Date": None})
    except Exception as error:  # whatever is wrong with a picture
        _log.warning("the figure %s is left out: it cannot be drawn (%s: %s)", name, type(error).__name__, error)
        return None
    svg = picture.getvalue()
    return _COMMENT.sub("", svg[svg.index("<svg") :])


def name_in_figure(name: str) -> str:
    """A name of any length, of any characters, as a label."""
    shown = harmless(name)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
