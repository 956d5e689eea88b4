"""Records of version 0.1 get new names and keep every measured value."""

from pathlib import Path

import pytest
from experiments.rename_results import condition, main

from tokenlayer.study.recorded import COMPARISONS, RUNS, Recorded

OLD = """cell,rule,initializer,seed,run_id,minutes,test/accuracy
frozen-discriminative,frozen,grams by χ²,0,a,0.50,0.8100
frozen-discriminative,frozen,grams by χ²,10,b,0.5,
frozen-discriminative,frozen,grams by χ²,9,c,1e-3,0.81
seed,the original's rule,random grams,0,d,1,0.5
"""
NEW = """condition,rule,initializer,seed,run_id,minutes,test/accuracy
frozen-chi2_ngrams,frozen,n-grams by χ²,0,a,0.50,0.8100
frozen-chi2_ngrams,frozen,n-grams by χ²,9,c,1e-3,0.81
frozen-chi2_ngrams,frozen,n-grams by χ²,10,b,0.5,
original,the original's rule,random n-grams,0,d,1,0.5
"""
HEADER = "one,other,difference,seeds,median_p,holm_p\n"


def test_names_change_and_values_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / RUNS).write_text(OLD)
    (tmp_path / COMPARISONS).write_text(f"{HEADER}frozen-discriminative,seed,+30.0 ± 1.0,1,< 0.001,0.012\n")
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / RUNS).read_text() == NEW
    assert (tmp_path / COMPARISONS).read_text() == f"{HEADER}frozen-chi2_ngrams,original,+30.0 ± 1.0,1,< 0.001,0.012\n"
    assert len(Recorded.read(tmp_path).rows) == 4
    assert main([str(tmp_path)]) == 0
    assert "has the new names" in capsys.readouterr().out
    assert (tmp_path / RUNS).read_text() == NEW


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("l1_grams-500", "l1_ngrams-500"),
        ("graft-gaussian", "graft-original_gaussian"),
        ("grow-shuffled", "grow-shuffled"),
        ("frozen-noise0.02-patterns6", "frozen-noise0.02-patterns6"),
    ],
)
def test_options_in_the_name_of_a_condition(old: str, new: str) -> None:
    assert condition(old) == new


def test_wrong_files_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    for wrong, message in (
        (OLD.replace(",1e-3,0.81", ""), "row 4 is damaged"),
        (OLD.replace("\nseed,", "\nfrozen-chi2_ngrams,"), "two conditions would get the same name"),
    ):
        (tmp_path / RUNS).write_text(wrong)
        assert main([str(tmp_path)]) == 2
        assert message in capsys.readouterr().err
        assert (tmp_path / RUNS).read_text() == wrong
