"""Printed numbers, and their place in the README."""

from pathlib import Path

import pytest

from tokenlayer.errors import InputError
from tokenlayer.study.report import BEGIN, END, inserted


def test_results_go_between_the_marks() -> None:
    readme = f"before\n{BEGIN}\nold\n{END}\nafter"
    once = inserted(readme, "new", Path("README.md"))
    assert once == f"before\n{BEGIN}\nnew\n{END}\nafter"
    assert inserted(once, "new", Path("README.md")) == once
    for wrong in ("no marks", f"{END} {BEGIN}"):
        with pytest.raises(InputError, match=r"README\.md: has no place"):
            inserted(wrong, "new", Path("README.md"))
