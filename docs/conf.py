"""Settings of Sphinx, which builds the site: make docs."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

from command_reference import commands
from configuration_reference import configuration
from repository_pages import expanded

project = "tokenlayer"
author = "The tokenlayer authors"
project_copyright = author
version = release = importlib.metadata.version("tokenlayer")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "extensions"]
html_theme = "furo"
html_math_renderer = "mathml"  # the pages load nothing from elsewhere
html_title = f"tokenlayer {version}"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

default_role = "code"  # docstrings write `name`
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_rtype = False

nitpicky = True
# Names in signatures: of other packages, whose pages are elsewhere, and of modules that are not public.
nitpick_ignore_regex = [("py:.*", r".*")]

_GENERATED = {"```{configuration}\n```\n": configuration, "```{commands}\n```\n": commands}


def fill(app: Sphinx, docname: str, content: list[str]) -> None:
    """Puts what is made from the code, and sections of the repository's own pages, in their places."""
    for place, make in _GENERATED.items():
        if place in content[0]:
            content[0] = content[0].replace(place, make())
    content[0] = expanded(content[0], f"docs/{docname}.md")


def mark_code(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Makes the indented examples of a docstring blocks of code."""
    text = re.sub(r"(?m)^(\S.*[^:\n])\n\n(?= {4})", r"\1\n\n::\n\n", "\n".join(lines))
    lines[:] = text.splitlines()


def show_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Writes a formula within a line."""
    translator.body.append(str(tex2mathml(node.astext())))
    raise nodes.SkipNode


def show_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Writes a formula on a line of its own."""
    translator.body.append(str(tex2mathml(node.astext(), as_block=True)))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Connects what fills pages and what writes formulas."""
    app.add_html_math_renderer("mathml", (show_inline, None), (show_block, None))
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", mark_code)
