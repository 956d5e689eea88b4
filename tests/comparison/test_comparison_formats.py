"""Numbers and tables as text."""

import csv
import io
import math

import pandas as pd

from tokenlayer.comparison.formats import as_csv, latex_table, markdown
from tokenlayer.comparison.means import Mean, means_text, percent
from tokenlayer.comparison.paired import p_value


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


def test_a_mean_that_is_no_share_has_the_digits_of_its_interval() -> None:
    assert means_text(Mean(0.35217, 0.0213, 5)) == "0.352 ± 0.021"
    assert means_text(Mean(412.34, 55.0, 5)) == "412 ± 55"
    assert means_text(Mean(0.35217, math.nan, 1)) == "0.3522"
    assert means_text(Mean(3.0, 0.0, 2)) == "3"
    assert means_text(Mean(math.nan, math.nan, 0)) == "–"


def test_csv_computes_nothing_and_keeps_numbers() -> None:
    table = pd.DataFrame({"=x()": ["=1+1", "-3", "a,b\r"], "n": [0.1, math.nan, -2.0]})
    rows = list(csv.reader(io.StringIO(as_csv(table), newline="")))
    assert rows == [["'=x()", "n"], ["'=1+1", "0.1"], ["-3", ""], ["a,b\r", "-2.0"]]
    assert as_csv(table.iloc[:0]) == "'=x(),n\n"


def test_latex_has_its_rules_and_executes_nothing() -> None:
    table = pd.DataFrame({r"a_b": [r"\input{/etc/passwd} & 5 % ^~", "x"], "m (%)": ["87.1 ± 0.3", "–"]})
    assert latex_table(table, ["a_b"]).splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"a\_b & m (\%) \\",
        r"\midrule",
        r"\textbackslash{}input\{/etc/passwd\} \& 5 \% \textasciicircum{}\textasciitilde{} & 87.1 $\pm$ 0.3 \\",
        r"x & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
