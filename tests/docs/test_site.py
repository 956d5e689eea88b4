"""The pages hang together: each is in a table of contents, and no link leads nowhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import DOCS, PAGES, ROOT, content

import tokenlayer

TOCTREE = re.compile(r"^```\{toctree\}\n(?::[^\n]*\n)*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = [
        (page.parent / f"{entry}.md").resolve()
        for page in PAGES
        for entries in TOCTREE.findall(content(page))
        for entry in entries.split()
    ]
    assert sorted(listed) == sorted(page for page in PAGES if page != DOCS / "index.md")


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", content(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_of_the_page_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", content(page), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" not in link:
            assert target.exists(), link
            assert not anchor or anchor in slugs(target), link


def test_the_reference_of_python_names_all_that_is_exported() -> None:
    listed = re.findall(r"^\.\. auto\w+:: (\w+)$", content(DOCS / "reference" / "api.md"), re.MULTILINE)
    assert sorted([*listed, "PatternsInitilizerMaxCover"]) == sorted(tokenlayer.__all__)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    built = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "reference" / "configuration.html").read_text(encoding="utf-8")
    for option in (ROOT / "conf" / "initializer").glob("*.yaml"):
        assert f"initializer={option.stem}" in page
