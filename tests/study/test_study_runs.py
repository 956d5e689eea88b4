"""A small study runs, survives a killed run and an interruption, skips finished runs, and reports."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mini import MINI, report, train_here

from tokenlayer.study.command import main
from tokenlayer.study.conditions import Condition, Study, tasks
from tokenlayer.study.processes import CommandProcess
from tokenlayer.study.recorded import COMPARISONS
from tokenlayer.study.report import BEGIN, END
from tokenlayer.study.runner import Budget, Runner
from tokenlayer.study.status import Place, RunStatus, State, find
from tokenlayer.tracking.reading import download_artifact, find_runs

HERE = Path(__file__).parent
RUNS = 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "README.md").write_text(f"# Mini\n\n{BEGIN}\nold\n{END}\n\nEnd.\n")
    return tmp_path / "results"


def test_a_study_from_killed_run_to_report(
    output_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
    mark = output_dir / "killed"
    killing = f"+callbacks.stop_once={{_target_: stop_once.StopOnceConfig, step: 7, mark: {mark}}}"
    given = ["--output-dir", str(output_dir), "--results", str(folder), killing, "allow_targets=[stop_once]"]

    assert main(MINI, report, folder, [*given, "--seeds", "0"]) == 1
    shown = capfd.readouterr().out
    assert "learns-seed0 FAILED" in shown
    assert "stays-seed0: test accuracy" in shown, "a failure ends no study"
    assert "2 of 4 runs" not in shown
    assert "**Missing:** learns (seed 0, 1); stays (seed 1)" in (folder / "README.md").read_text()

    train_here(tasks(MINI)[3], output_dir)
    assert main(MINI, report, folder, [*given, "--jobs", "2"]) == 0
    shown = capfd.readouterr().out
    assert "[2/2]" in shown
    runs = find_runs(output_dir=output_dir, experiment="mini")
    assert runs["status"].tolist() == ["FINISHED"] * (RUNS + 1), "the killed run was resumed, none was made twice"
    check_parent(runs)

    assert main(MINI, report, folder, given) == 0
    assert "[1/" not in capfd.readouterr().out
    assert len(find_runs(output_dir=output_dir)) == RUNS + 1

    assert main(MINI, report, folder, [*given, "--list", "--only", "stays", "model.vocab_size=31"]) == 0
    shown = capfd.readouterr().out
    assert "missing     stays-seed1    (finished under other settings: model.vocab_size=30, now 31)" in shown
    check_report(folder, output_dir)
    check_tables_without_runs(folder, output_dir / "elsewhere")


def check_parent(runs: pd.DataFrame) -> None:
    """All are under one parent, the one that was made without it among them."""
    (parent,) = runs[runs["tags.tokenlayer.kind"] == "sweep"].to_dict("records")
    others = runs[runs["run_id"] != parent["run_id"]]
    assert (others["tags.mlflow.parentRunId"] == parent["run_id"]).all()
    assert parent["metrics.jobs/done"] == RUNS
    note = parent["tags.mlflow.note.content"]
    assert "| condition | validation/accuracy (%) | validation/accuracy sd | test/accuracy (%) |" in note
    assert "| learns |" in note


def check_report(folder: Path, output_dir: Path) -> None:
    rows = pd.read_csv(folder / "results.csv")
    assert rows[["condition", "seed"]].to_numpy().tolist() == [["learns", 0], ["learns", 1], ["stays", 0], ["stays", 1]]
    for row in rows.to_dict("records"):
        path = download_artifact(row["run_id"], "predictions/test.parquet", output_dir=output_dir)
        answers = pd.read_parquet(path)
        assert row["test/accuracy"] == pytest.approx((answers["label"] == answers["prediction"]).mean())
    readme = (folder / "README.md").read_text()
    assert "old" not in readme
    assert "Missing" not in readme
    assert "| learns against stays |" in readme
    assert "4 of 4 runs." in readme
    assert readme.startswith("# Mini")
    assert readme.endswith("End.\n")


def check_tables_without_runs(folder: Path, elsewhere: Path) -> None:
    """A store that has none of the runs, and rows and answers in the folder: the same comparisons and README."""
    written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / COMPARISONS).unlink()
    assert main(MINI, report, folder, ["--output-dir", str(elsewhere), "--results", str(folder), "--report"]) == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == written


def test_a_run_that_cannot_be_resumed_begins_anew(output_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    task = replace(tasks(MINI)[1], overrides=("dataset=nowhere",))  # fails fast, and otherwise than the resumed one
    runner = Runner(Place(output_dir), Budget())
    runner.run([RunStatus(task, State.BROKEN_OFF, "0" * 32)])
    shown = capfd.readouterr().out
    assert "stays-seed0 cannot be resumed and starts again: " in shown
    assert "dataset=nowhere: no such option" in shown
    assert runner.failed == ["stays-seed0"]


def ended(process: CommandProcess) -> int:
    process.wait()
    assert process.code is not None
    process.interrupt()  # changes nothing any more
    return process.code


def test_a_process_is_the_command_where_and_with_what_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIVEN", "of all")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert ended(CommandProcess(["train", "--cfg", "job", "--resolve", "seed=41"], {}, Path("log"))) == 0
    assert "\nseed: 41\n" in (tmp_path / "log").read_text()
    wrong = ["train", "seed=${oc.env:OF_ITS_OWN}", "model.vocab_size=${oc.env:GIVEN}"]
    assert ended(CommandProcess(wrong, {"OF_ITS_OWN": "of one"}, tmp_path / "wrong")) == 2
    told = (tmp_path / "wrong").read_text()
    assert "seed: expected an integer, got 'of one'" in told
    assert "model.vocab_size: expected an integer, got 'of all'" in told
    assert "Traceback" not in told
    assert "OF_ITS_OWN" not in os.environ
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.faults
def test_an_interruption_ends_the_runs_and_keeps_them(output_dir: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from mini import *; from tokenlayer.study.command import main;"
        f"sys.exit(main(MINI, report, Path({str(tmp_path)!r}), sys.argv[1:]))"
    )
    given = ["--output-dir", str(output_dir), "--only", "learns", "trainer.max_epochs=1000"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen([sys.executable, "-c", script, *given], env=environment) as study:
        deadline = time.monotonic() + 120
        while not list(output_dir.glob("runs/*/checkpoints/*")):
            assert study.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        study.send_signal(signal.SIGINT)
        assert study.wait(60) == 130
    assert find_runs(output_dir=output_dir)["status"].tolist() == ["KILLED", "KILLED"], "the run and its parent"
    assert find(tasks(MINI, ["trainer.max_epochs=1000"]), Place(output_dir))[0].state is State.BROKEN_OFF


def test_no_run_starts_when_time_is_up(output_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Runner(Place(output_dir), Budget(minutes=-1)).run([RunStatus(task, State.MISSING) for task in tasks(MINI)])
    assert capfd.readouterr().out == "time is up: 4 runs are left\n"


def test_missing_texts_are_reported_before_any_run(
    output_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--output-dir", str(output_dir), "--source", str(tmp_path / "nowhere.csv")]
    reviews = Study("reviews", ("experiment=learned_imdb",), (Condition("learns", (), (0, 1), {"method": "learns"}),))
    assert main(reviews, report, tmp_path, arguments) == 2
    shown = capsys.readouterr()
    assert "there is no such file" in shown.err
    assert "nowhere.csv" in shown.err
    assert not shown.out
    assert not (output_dir / "studies").exists()
