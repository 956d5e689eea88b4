"""A comparison in every format, with names that try to be more than text."""

import io
from pathlib import Path

import pytest
from recorded_sweeps import Job, Recording
from rich.console import Console

from tokenlayer.comparison import Comparison, compare_runs
from tokenlayer.comparison.document import document, more_sections
from tokenlayer.comparison.page import page
from tokenlayer.comparison.texts import as_latex, as_markdown, as_text, show

HOSTILE = "<script>alert(1)</script> | \\input{x} $y$ [a](javascript:b) \x1b[31m `c` *d* & _e_ 50%"


@pytest.fixture(scope="module")
def compared(swept: Path) -> Comparison:
    return compare_runs("rules", output_dir=swept)


@pytest.fixture
def hostile(recording: Recording, output_dir: Path) -> Comparison:
    jobs = [Job({"note": note, "seed": str(seed)}, 0.8, tokens=[HOSTILE]) for note in (HOSTILE, "x") for seed in (0, 1)]
    recording.sweep(HOSTILE, ["note", "seed"], jobs)
    return compare_runs(HOSTILE, output_dir=output_dir)


def test_markdown(compared: Comparison) -> None:
    text = as_markdown(document(compared, "Comparison of rules"), more_sections(compared))
    lines = text.splitlines()
    assert lines[0] == "## Comparison of rules"
    assert lines[2] == (
        "Best on validation texts (validation/accuracy): graft, 90.0 ± 6.2. Test metrics took no part in the choice."
    )
    assert "| graft | 90.0 ± 6.2 | 2.5 | 90.0 ± 6.2 | 2.5 | 3 |" in lines
    assert "| frozen | 70.0 (n = 1) | – | 70.0 ± 0.0 | 0.0 | 2 |" in lines
    assert "| frozen | +20.0 | 1 | 0.008 | 0.008 |" in lines
    assert "Without a seed in common on the same test texts: grow." in text
    assert "- frozen has no run with seed=2" in lines
    assert "The interval of two runs reaches nine standard deviations" in text
    assert "| learning_rule | grow | 1 | grow |" in lines


def test_latex(compared: Comparison) -> None:
    lines = as_latex(document(compared, "Comparison of rules")).splitlines()
    assert lines.count(r"\toprule") == lines.count(r"\bottomrule") == 2
    assert r"graft & 90.0 $\pm$ 6.2 & 2.5 & 90.0 $\pm$ 6.2 & 2.5 & 3 \\" in lines
    assert r"frozen & 70.0 (n = 1) & -- & 70.0 $\pm$ 0.0 & 0.0 & 2 \\" in lines
    assert "% missing: frozen has no run with seed=2" in lines


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_the_terminal_shows_all_in_the_room_that_it_has(compared: Comparison, width: int) -> None:
    console = Console(width=width, file=io.StringIO(), record=True)
    show(document(compared, "Comparison of rules"), console)
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if line.startswith(" graft ")]
    cells = [cell for row in rows for cell in row.split("  ") if cell.strip() not in ("", "graft")]
    assert [cell.strip() for cell in cells] == ["90.0 ± 6.2", "2.5", "90.0 ± 6.2", "2.5", "3"]


def test_a_file_of_text_has_no_colours(compared: Comparison) -> None:
    text = as_text(document(compared, "Comparison of rules"))
    assert "frozen has no run with seed=2" in text
    assert "\x1b" not in text


def test_names_stay_text_in_every_format(hostile: Comparison) -> None:
    told = document(hostile, f"Comparison of {HOSTILE}")
    html = page(hostile, told)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    texts = (html, as_markdown(told, more_sections(hostile)), as_latex(told), as_text(told))
    assert [text for text in texts if "\x1b" in text] == []
    _, markdown, latex, _ = texts
    assert "<script" not in markdown
    assert "\\[a](javascript:b)" in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows if "alert" in line} <= {5, 6, 7}
    body = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    assert "\\input" not in body
    assert "\\textbackslash{}input\\{x\\} \\$y\\$" in body


def test_the_page_needs_nothing_from_elsewhere(compared: Comparison) -> None:
    html = page(compared, document(compared, "Comparison of rules"))
    assert "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'" in html
    assert html.count("<svg") == 3
    assert "<img" not in html
    assert "url(http" not in html
    assert "best on validation" not in html, "letters in figures are outlines"
    assert 'aria-label="validation/accuracy over the training"' in html
    assert '<tr class="chosen"><td><bdi>graft</bdi></td>' in html
