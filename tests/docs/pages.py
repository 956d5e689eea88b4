"""The pages of the site and their blocks, with the sections that they take from elsewhere."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "extensions"))

from repository_pages import expanded

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
REPOSITORY = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str


@cache
def content(page: Path) -> str:
    """The Markdown of a page as Sphinx reads it, without what is made from the code."""
    text = page.read_text(encoding="utf-8")
    return expanded(text, page.relative_to(ROOT).as_posix()) if page.is_relative_to(DOCS) else text


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in re.findall(r"^```(\S*)\n(.*?)^```$", content(page), re.MULTILINE | re.DOTALL)]


def commands(page: Path) -> Iterator[str]:
    """The command lines of a page, each on one line, without comments."""
    for block in blocks(page):
        if block.language not in ("", "sh"):
            continue
        for line in block.text.replace("\\\n", " ").splitlines():
            command = re.sub(r"(^|\s)#.*", "", line).strip()
            if command and (block.language == "sh" or re.match(r"(\w+=\S+ )?(tokenlayer|make|pip|python) ", command)):
                yield command
