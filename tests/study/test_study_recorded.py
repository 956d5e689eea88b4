"""Recorded results survive a report, whatever MLflow holds."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from mini import MINI, report, train_here

from tokenlayer.errors import InputError
from tokenlayer.study.command import main
from tokenlayer.study.conditions import tasks
from tokenlayer.study.recorded import COMPARISONS, RUNS, Compared, Recorded, comparisons_csv, merged, runs_csv, used
from tokenlayer.study.report import BEGIN, END, Report, text, write
from tokenlayer.study.results import Results, if_held
from tokenlayer.study.status import Place, RunStatus, State

OLD = {"learns,0": "a" * 32, "learns,1": "b" * 32, "stays,0": "c" * 32, "gone,0": "d" * 32}
ROW = "{condition},{run},<=0123456789ab,,,Abacus (1 threads usable),0.10,0.9500,extra\n"
HEADER = "condition,seed,run_id,commit,finished,method,hardware,minutes,test/accuracy,old/column\n"
TABLE = "| rank |\n| --- |\n| 7 |"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rows of runs that MLflow does not know."""
    folder = tmp_path / "results"
    (folder / "figures").mkdir(parents=True)
    rows = [ROW.format(condition=condition, run=run) for condition, run in sorted(OLD.items())]
    (folder / RUNS).write_text(HEADER + "".join(rows))
    stored = "learns,stays,+30.0 ± 1.0,2,0.012,0.012\ngone,stays,+1.0,1,0.50,1.00\n"
    (folder / COMPARISONS).write_text("one,other,difference,seeds,median_p,holm_p\n" + stored)
    (folder / "README.md").write_text(f"# Mini\n\n{BEGIN}\n**Ranks**\n\n{TABLE}\n\nold\n{END}\n\nEnd.\n")
    return folder


def unknown(output_dir: Path, folder: Path) -> Results:
    """Results of a study none of whose runs are in MLflow."""
    missing = [RunStatus(task, State.MISSING) for task in tasks(MINI)]
    return Results(missing, Place(output_dir), Recorded.read(folder))


def test_a_finished_run_is_added_to_runs_that_mlflow_does_not_know(output_dir: Path, folder: Path) -> None:
    before = (folder / RUNS).read_text().splitlines()
    given = ["--output-dir", str(output_dir), "--results", str(folder)]
    learns, stays, *_ = tasks(MINI)
    train_here(learns, output_dir)
    assert main(MINI, report, folder, [*given, "--only", "learns", "--seeds", "0"]) == 0

    header, *lines = (folder / RUNS).read_text().splitlines()
    kept = [line.rstrip(",") for line in lines]
    assert [line for line in before[1:] if line not in kept] == [], "no row is lost, no number written otherwise"
    assert header.startswith(before[0])
    (added,) = (row for row in Recorded.read(folder).rows if row["run_id"] not in OLD.values())
    assert (added["condition"], added["seed"], added["method"], added["old/column"]) == ("learns", "0", "learns", "")
    assert added["finished"].endswith("Z")
    assert len(added["commit"].removesuffix("+dirty")) == 12
    assert "threads usable" in added["hardware"]
    assert [row["run_id"] for row in Recorded.read(folder).rows if row["condition"] == "learns"] == [
        OLD["learns,0"], added["run_id"], OLD["learns,1"],
    ], "a rerun follows the row that it takes the place of"  # fmt: skip

    readme = (folder / "README.md").read_text()
    mean = 100 * (float(added["test/accuracy"]) + 0.95) / 2
    assert f"| learns | {mean:.1f} ± " in readme, "the mean of the new run and of a recorded one"
    assert "| stays | 95.0 | 1 |" in readme
    assert "3 of 4 runs. **Missing:** stays (seed 1)." in readme
    assert "Abacus (1 threads usable)" in readme
    assert "| learns against stays | +30.0 ± 1.0 | 2 | 0.012 | 0.012 |" in readme

    written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(MINI, report, folder, [*given, "--report"]) == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == written

    train_here(stays, output_dir)
    fewer = ["--output-dir", str(output_dir), "--results", str(folder), "--only", "stays", "--seeds", "0"]
    assert main(MINI, report, folder, fewer) == 0
    assert (folder / COMPARISONS).read_bytes() == written[folder / COMPARISONS], "one seed does not replace two"
    (folder / COMPARISONS).write_text(written[folder / COMPARISONS].decode().replace("1.0,2,", "1.0,1,"))
    assert main(MINI, report, folder, [*given, "--report"]) == 0
    gone, new = sorted(Recorded.read(folder).compared, key=lambda item: item.one)
    assert (gone.one, new.one, new.other, new.seeds) == ("gone", "learns", "stays", 1)
    assert new.difference != "+30.0 ± 1.0"
    assert f"| learns against stays | {new.difference} | 1 |" in (folder / "README.md").read_text()


def test_the_run_that_finished_last_counts() -> None:
    rows = [
        {"condition": "x", "seed": "0", "run_id": "late", "finished": "2027-01-02T00:00:00Z"},
        {"condition": "x", "seed": "0", "run_id": "early", "finished": "2027-01-01T00:00:00Z"},
        {"condition": "x", "seed": "0", "run_id": "untimed", "finished": ""},
        {"condition": "y", "seed": "0", "run_id": "first", "finished": ""},
        {"condition": "y", "seed": "0", "run_id": "second", "finished": ""},
    ]
    assert {key: row["run_id"] for key, row in used(rows).items()} == {("x", 0): "late", ("y", 0): "second"}


def test_a_recorded_run_stays_as_it_is() -> None:
    old = {"condition": "x", "seed": "10", "run_id": "1", "test/accuracy": "0.50"}
    again, other = {**old, "test/accuracy": "0.5"}, {"condition": "x", "seed": "9", "run_id": "2", "tokens/n": "3"}
    rows = merged([old], [again, other])
    assert runs_csv(rows) == "condition,seed,run_id,test/accuracy,tokens/n\nx,9,2,,3\nx,10,1,0.50,\n"


def test_what_needs_histories_is_kept(output_dir: Path, folder: Path) -> None:
    results = unknown(output_dir, folder)
    assert if_held(lambda results: results.history("learns", "test/accuracy"), results) is None
    assert if_held(lambda results: results.config(OLD["learns,0"]), results) is None
    assert if_held(lambda results: results.history("learns", "no/metric"), results) == {}
    (folder / "figures" / "curves.png").write_bytes(b"as it was")
    made = Report({"Ranks": None, "Never made": None}, {"curves": ("Curves", None), "new": ("Dots", Figure())})
    assert made.kept() == ["table 'Ranks'", "table 'Never made'", "figures/curves.png"]
    for _ in range(2):
        write(made, results, folder)
        readme = (folder / "README.md").read_text()
        assert f"{BEGIN}\n**Ranks**\n\n{TABLE}\n\n![Curves](figures/curves.png)\n\n![Dots](figures/new.png)" in readme
    assert (folder / "figures" / "curves.png").read_bytes() == b"as it was"
    assert "Never" not in text(Report({"Never": None}, {"none": ("None", None)}), results, folder, readme)


def test_recorded_comparisons_are_shown_and_kept(output_dir: Path, folder: Path) -> None:
    results = unknown(output_dir, folder)
    expected = Compared("learns", "stays", "+30.0 ± 1.0", 2, "0.012", "0.012")
    assert results.compared([("stays", "learns"), ("learns", "stays")]) == [expected]
    assert set(results.comparisons) == {("learns", "stays"), ("gone", "stays")}


def test_a_damaged_file_is_not_written_over(output_dir: Path, folder: Path) -> None:
    whole = (folder / RUNS).read_text()
    for damaged, message in (
        (whole.replace("run_id", "run"), "has no column run_id"),
        (f"{whole}<<<<<<< HEAD\n", "row 6 is damaged"),
        (f"{whole}{whole.splitlines()[1]},more\n", "row 6 is damaged"),
    ):
        (folder / RUNS).write_text(damaged)
        with pytest.raises(InputError, match=message):
            Recorded.read(folder)
        assert main(MINI, report, folder, ["--output-dir", str(output_dir), "--report"]) == 2
        assert (folder / RUNS).read_text() == damaged


def test_a_report_keeps_rows_that_were_added_meanwhile(output_dir: Path, folder: Path) -> None:
    results = unknown(output_dir, folder)
    added = ROW.format(condition="stays,1", run="e" * 32)
    with (folder / RUNS).open("a") as file:
        file.write(added)
    write(Report(), results, folder)
    assert added in (folder / RUNS).read_text()


def test_the_frame_has_numbers_and_a_row_a_declared_run(output_dir: Path, folder: Path) -> None:
    frame = unknown(output_dir, folder).frame
    assert frame["run_id"].tolist() == [OLD["learns,0"], OLD["stays,0"], OLD["learns,1"]]
    assert frame["method"].tolist() == ["learns", "stays", "learns"]
    assert frame[["minutes", "test/accuracy"]].to_numpy().tolist() == [[0.1, 0.95]] * 3
    assert isinstance(frame, pd.DataFrame)


def test_records_of_version_0_1_say_how_to_rename_them(folder: Path) -> None:
    (folder / RUNS).write_text(HEADER.replace("condition,", "cell,"))
    with pytest.raises(InputError, match=r"has no column condition; .*experiments\.rename_results "):
        Recorded.read(folder)


cells = st.one_of(st.text(st.sampled_from("'=+-@\t\r\n,;\"1.± ae"), max_size=8), st.text(st.characters(codec="utf-8")))


@settings(deadline=None)
@given(cells, cells)
def test_no_cell_is_a_formula_and_all_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, one: str, name: str
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    rows = [{"condition": one, "seed": "0", "run_id": "x", f"shown {name}": name, name: one}]
    (folder / RUNS).write_text(runs_csv(rows), encoding="utf-8", newline="")
    assert [dict(row) for row in Recorded.read(folder).rows] == rows
    with (folder / RUNS).open(encoding="utf-8", newline="") as file:
        written = [cell for row in csv.reader(file) for cell in row]
    for cell in written:
        assert not cell.startswith(("=", "@", "\t", "\r", "\n"))
        assert not cell.startswith(("+", "-")) or not re.search(r"[a-df-z(!|]", cell.replace("inf", ""))


def test_numbers_and_comparisons_stay_as_they_are() -> None:
    numbers = ["-0.5", "+1", "-1e-05", "+20.7 ± 2.8", "-inf", "nan", "< 0.001", "<=166dd2ac7b0a+dirty"]
    row = {"condition": "-1+cmd|' /C calc'!A0", "seed": "0", "run_id": "x"} | {str(i): n for i, n in enumerate(numbers)}
    header, line, _ = runs_csv([row]).split("\n")
    assert header == "condition,seed,run_id,0,1,2,3,4,5,6,7"
    assert line == "'-1+cmd|' /C calc'!A0,0,x," + ",".join(numbers)
    (compared,) = comparisons_csv([Compared("a", "b", "+1.0 ± 0.2", 3, "0.012", "1.00")]).splitlines()[1:]
    assert compared == "a,b,+1.0 ± 0.2,3,0.012,1.00"
