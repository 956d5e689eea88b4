"""`tokenlayer compare` and `tokenlayer runs` by their exit codes, files and messages."""

import csv
import io
import sqlite3
from pathlib import Path

import pytest
from recorded_sweeps import Job, Recording, sizes

from tokenlayer.cli.main import main
from tokenlayer.tracking.lease import LEASE_TAG

ENDINGS = {
    "md": "## Comparison of s",
    "tex": "% Comparison of s",
    "csv": "model.vocab_size,",
    "html": "<!doctype html>",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """An output folder with a sweep `s`."""
    folder = tmp_path_factory.mktemp("outputs")
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    made = Recording(folder)
    made.sweep("s", ["model.vocab_size", "seed"], sizes({"20": [0.7, 0.8], "=50": [0.8]}))
    return folder


@pytest.fixture
def recording(output_dir: Path) -> Recording:
    return Recording(output_dir)


def compare(folder: Path, *arguments: str) -> int:
    return main(["compare", *arguments, f"output_dir={folder}"])


def test_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(folder, "s", "--by", "model.vocab_size", "--metric", "validation/accuracy") == 0
    told = capsys.readouterr()
    assert "75.0 ± 63.5" in told.out
    assert "=50 has no run with seed=1" in told.out
    assert told.err == ""


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_ending_of_the_file_is_its_format(folder: Path, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"of.{ending}"
    assert compare(folder, "s", f"--output={output}") == 0
    assert output.read_text(encoding="utf-8").startswith(ENDINGS[ending])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [output.name]


def test_csv_is_numbers_and_what_is_missing_is_told_beside_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(folder, "s", "--format", "csv") == 0
    told = capsys.readouterr()
    header, twenty, fifty = csv.reader(io.StringIO(told.out))
    assert header[:4] == ["model.vocab_size", "runs", "test/accuracy n", "test/accuracy mean"]
    assert twenty[:4] == ["20", "2", "2", "0.75"]
    assert fifty[0] == "'=50", "no formula for a spreadsheet"
    assert told.err == "missing: =50 has no run with seed=1\n"


def test_the_same_twice_is_the_same(folder: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        assert compare(folder, "s", f"--output={tmp_path / name}") == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name sweeps or runs, which tokenlayer runs lists, or give --filter"),
        (["s", "--output", "x.doc"], "--output x.doc: its ending names no format; give --format, or one of .md"),
        (["s", "--output", "x"], "--output x: its ending names no format"),
        (["s", "--output", "x.csv", "--format", "html"], "--output x.csv: --format html is not what the ending says"),
        (["s", "--output", "nowhere/x.csv"], "--output nowhere/x.csv: cannot be written (its folder is not there"),
        (["s", "--output", "here.md"], "--output here.md: cannot be written (it is a folder)"),
        (["t"], "there is no run 't'"),
        (["s", "--metric", "test/acuracy"], "--metric test/acuracy: none of the 3 finished runs has it; did you mean"),
        (["s", "--by", "vocab"], "--by vocab: none of the runs has such a setting or tag"),
        (["s", "--filter", "metrics"], "the filter 'metrics' does not work"),
    ],
)
def test_bad_input_is_told_in_one_paragraph(
    folder: Path, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.md").mkdir()
    (tmp_path / "x.csv").write_text("before")
    assert compare(folder, *arguments) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"error: {message}")
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert (tmp_path / "x.csv").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.md", "x.csv"]


def test_a_job_whose_process_is_gone_is_killed(
    recording: Recording, output_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = recording.sweep("s", ["seed"], [Job({"seed": "0"}), Job({"seed": "1"}, status="RUNNING")])
    dead = '{"token": "t", "host": "h", "machine": "m", "pid": 1, "started": 0, "heartbeat": 0}'
    recording.client.set_tag(ids[-1], LEASE_TAG, dead)
    assert compare(output_dir, "s") == 0
    assert "of sweep s, 1 job is killed and left out: seed=1" in capsys.readouterr().out


def test_a_failed_comparison_leaves_the_file_as_it_was(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.md"
    output.write_text("before")
    assert compare(folder, "s", "--by", "nothing", f"--output={output}") == 2
    assert output.read_text() == "before"


@pytest.mark.parametrize("command", [["compare", "s"], ["runs"]])
def test_tables_of_another_version(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    database = tmp_path / "mlflow.db"
    database.write_bytes((folder / "mlflow.db").read_bytes())
    with sqlite3.connect(database) as tables:
        tables.execute("update alembic_version set version_num = 'bda7b8c39065'")
    assert main([*command, f"output_dir={tmp_path}"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: tracking.uri=sqlite:///{database}: the ")
    assert f"mlflow db upgrade sqlite:///{database}" in told
    assert told.count("\n") == 1


def test_runs_lists_sweeps_with_their_jobs(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["runs", f"output_dir={folder}"]) == 0
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert line.split()[1:3] == ["s", "FINISHED"]
    assert line.rstrip().endswith("3 done")
    assert main(["runs", "--limit", "2", "--filter", "params.seed = '0'", f"output_dir={folder}"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[5] for line in lines] == ["0.8000", "0.7000"]
    (latest, _) = [line.split()[0] for line in lines]
    assert compare(folder, latest) == 0, "the shortened id names the run"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--limit", "0"], "'0' is no positive number"),
        (["--limit", "x"], "'x' is no positive number"),
        (["--prune", "--limit", "3"], "--prune looks at all runs of the output folder"),
        (["--filter", "metrics"], "the filter 'metrics' does not work"),
    ],
)
def test_runs_refuses(folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", *arguments, f"output_dir={folder}"]) == 2
    assert message in capsys.readouterr().err
