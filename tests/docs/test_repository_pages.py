"""Sections of the repository's own pages, repeated on a page of the site."""

import pytest
from repository_pages import expanded


def asked(file: str, heading: str = "", page: str = "docs/how_to/page.md") -> str:
    return expanded(f"above\n\n```{{section}} {file}\n{heading}\n```\n".replace("\n\n```\n", "\n```\n"), page)


def test_a_section_ends_where_the_next_of_its_depth_begins() -> None:
    text = asked("CONTRIBUTING.md", "## Glossary")
    assert text.startswith("above\n\nShapes: B texts")
    assert "## Glossary" not in text
    text = asked("README.md", "### Adding a part")
    assert "# conf/initializer/suffixes.yaml" in text, "a comment in a block is no heading"
    assert "What the original did" not in text


def test_the_headings_of_a_whole_file_keep_their_depth() -> None:
    text = asked("experiments/rules/README.md")
    assert "\n## Measured\n" in text
    assert "# Learning rules" not in text


def test_links_fit_the_page() -> None:
    text = asked("experiments/rules/README.md", page="docs/results/rules.md")
    assert "](../../experiments/rules/figures/rules.png)" in text
    assert "](../launchers.md)" in asked("README.md", "## Sweeps")
    assert "](../security.md)" in asked("README.md", "### Adding a part")
    assert "](../../examples/notebook_training.py)" in asked("README.md", "## From Python")


def test_a_heading_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"README\.md has no heading '## Adding a part'"):
        asked("README.md", "## Adding a part")
