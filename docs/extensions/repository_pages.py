"""Pages of the site that repeat a file of the repository: a section of README.md, say, with links that fit the page.

A page asks for a section by a fenced block, which GitHub shows as it stands:

    ```{section} README.md
    ### Adding a part
    ```

Without a heading the whole file is meant. The section's own heading is left out, and those below it move up to `##`.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_ASKED = re.compile(r"^```\{section\} (\S+)\n(?:(#+ .*)\n)?```$", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_BLOCK = re.compile(r"^(`{3,}).*?^\1$", re.MULTILINE | re.DOTALL)

PAGES = {
    "README.md": "docs/index.md",
    "CHANGELOG.md": "docs/changelog.md",
    "CONTRIBUTING.md": "docs/how_to/own_parts.md",
    "docker/README.md": "docs/how_to/server.md",
    "experiments/vocabulary_size/README.md": "docs/results/vocabulary_size.md",
    "experiments/rules/README.md": "docs/results/rules.md",
    "experiments/planted/README.md": "docs/results/planted.md",
    "experiments/order/README.md": "docs/results/order.md",
    "experiments/initializers/README.md": "docs/results/initializers.md",
    "experiments/heads/README.md": "docs/results/heads.md",
    "experiments/official_split/README.md": "docs/results/official_split.md",
    "experiments/original_imdb/README.md": "docs/results/original_imdb.md",
    "experiments/sequence_models/README.md": "docs/results/sequence_models.md",
    "experiments/why_the_original_cannot_learn/README.md": "docs/results/why_the_original_cannot_learn.md",
}
"""The page that takes the place of a file of the repository."""
SECTIONS = {
    "README.md#how-tokens-are-learned": "docs/concepts.md",
    "README.md#speed": "docs/results/index.md#speed",
    "README.md#sweeps": "docs/how_to/sweep.md",
}
"""The page that takes the place of a section of such a file."""


def expanded(text: str, page: str) -> str:
    """The text of a page with the sections that it asks for.

    Args:
        text: of the page, as it stands in its file.
        page: its path from the top of the repository: docs/how_to/sweep.md.

    Raises:
        ValueError: a file has no such heading.

    """
    return _ASKED.sub(lambda asked: _linked(_section(asked[1], asked[2]), asked[1], page), text)


def _section(file: str, heading: str | None) -> str:
    """The section below a heading, or the file below its title, with headings from `##` on."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    levels = _levels(lines)
    if heading is None:
        heading = next(line for line, level in zip(lines, levels, strict=True) if level)
    if heading not in lines:
        raise ValueError(f"{file} has no heading {heading!r}")
    first = lines.index(heading)
    depth = levels[first]
    last = next((i for i in range(first + 1, len(lines)) if 0 < levels[i] <= depth), len(lines))
    moved = [
        "#" * (levels[i] - depth + 1) + lines[i].lstrip("#") if levels[i] else lines[i] for i in range(first + 1, last)
    ]
    return "\n".join(moved).strip() + "\n"


def _levels(lines: list[str]) -> list[int]:
    """The level of each line that is a heading; 0: it is none."""
    levels, inside = [], False
    for line in lines:
        inside ^= line.startswith("```")
        hashes = re.match(r"#+(?= )", line)
        levels.append(len(hashes[0]) if hashes and not inside else 0)
    return levels


def _linked(section: str, file: str, page: str) -> str:
    """The section with its links, which are relative to `file`, made relative to `page`."""
    parts, last = [], 0
    for block in _BLOCK.finditer(section):
        parts += [_LINK.sub(lambda link: _relative(link[1], file, page), section[last : block.start()]), block[0]]
        last = block.end()
    return "".join([*parts, _LINK.sub(lambda link: _relative(link[1], file, page), section[last:])])


def _relative(link: str, file: str, page: str) -> str:
    if "://" in link:
        return link
    path, hash_, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(file), path)) if path else file
    whole = SECTIONS.get(f"{target}#{anchor}") or PAGES.get(target, target) + (f"{hash_}{anchor}" if path else "")
    if whole == target and not path:
        return link
    return posixpath.relpath(whole, posixpath.dirname(page))
