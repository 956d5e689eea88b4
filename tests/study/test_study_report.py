"""Printed numbers, and their place in the README."""

import math
from pathlib import Path

import pandas as pd
import pytest

from tokenlayer.comparison.means import Mean, percent
from tokenlayer.comparison.paired import p_value
from tokenlayer.errors import InputError
from tokenlayer.study.report import BEGIN, END, inserted, markdown


def test_percent() -> None:
    assert percent(Mean(0.8714, 0.0026, 5)) == "87.1 ± 0.3"
    assert percent(Mean(0.8714, math.nan, 1)) == "87.1"
    assert percent(Mean(0.0042, 0.001, 3), sign=True) == "+0.4 ± 0.1"
    assert percent(Mean(math.nan, math.nan, 0)) == "–"


def test_p_values() -> None:
    assert [p_value(p) for p in (1e-9, 0.0123, 0.5)] == ["< 0.001", "0.012", "0.50"]


def test_markdown_keeps_its_columns() -> None:
    table = pd.DataFrame({"a": ["x|y", None], "b": [1, 2]})
    assert markdown(table) == "| a | b |\n| --- | --- |\n| x\\|y | 1 |\n|  | 2 |"


def test_results_go_between_the_marks() -> None:
    readme = f"before\n{BEGIN}\nold\n{END}\nafter"
    once = inserted(readme, "new", Path("README.md"))
    assert once == f"before\n{BEGIN}\nnew\n{END}\nafter"
    assert inserted(once, "new", Path("README.md")) == once
    for wrong in ("no marks", f"{END} {BEGIN}"):
        with pytest.raises(InputError, match=r"README\.md: has no place"):
            inserted(wrong, "new", Path("README.md"))
