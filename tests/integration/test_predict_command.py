"""`tokenlayer predict`: tables of every kind, what a run said of the same texts, and tables that are broken."""

import csv
import gzip
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sources import write_csv
from tiny_runs import Recorded, Store

import tokenlayer
from tokenlayer.cli.main import main
from tokenlayer.data.splits import content_ids
from tokenlayer.escaping import from_csv_cell
from tokenlayer.inference import tables

Trained = tuple[Store, Recorded]

TEXTS = ["a lovely film", "", '=1+1 boring\r\n, as "ever"', "– awful ☃", "lovely, lovely\x1b[31m"]


@pytest.fixture(autouse=True)
def few_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MOST_ROWS", 2)


@pytest.fixture
def rows() -> list[dict[str, object]]:
    return [{"id": i - 2, "text": text, "note": "-x" if i else None} for i, text in enumerate(TEXTS)]


def predict(trained: Trained, *arguments: str) -> int:
    return main(["predict", trained[1].run_id, *arguments, f"output_dir={trained[0].output_dir}"])


def written(path: Path) -> pd.DataFrame:
    """The table in a file, cells as they were before they were made safe."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pandas()
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])
    with path.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
    frame = pd.DataFrame([{from_csv_cell(name): from_csv_cell(cell) for name, cell in row.items()} for row in read])
    return frame.astype({name: float for name in frame if name.startswith("probability_")})


def test_it_says_what_the_run_said_of_its_test_texts(trained: Trained, tmp_path: Path) -> None:
    store, run = trained
    source, output = store.output_dir.parent / "reviews.csv", tmp_path / "out.csv"
    assert predict(trained, str(source), "--text-column", "text", "--output", str(output)) == 0
    found = written(output)
    assert found.columns.tolist() == ["text", "label", "prediction", "probability_neg", "probability_pos"]
    found.index = content_ids(found["text"].tolist())
    recorded = pq.read_table(run.artifacts / "predictions" / "test.parquet").to_pandas().set_index("text_id")
    assert len(recorded) > 10
    found = found[~found.index.duplicated()].loc[recorded.index]
    assert found["prediction"].tolist() == recorded["prediction"].tolist()
    for column in ("probability_neg", "probability_pos"):
        np.testing.assert_allclose(found[column], recorded[column], rtol=0, atol=1e-6)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "csv.gz"])
@pytest.mark.parametrize("wanted", ["csv", "tsv", "jsonl", "parquet"])
def test_every_kind_of_table_is_read_and_written(
    trained: Trained, rows: list[dict[str, object]], tmp_path: Path, ending: str, wanted: str
) -> None:
    source, output = tmp_path / f"in.{ending}", tmp_path / f"out.{wanted}"
    frame = pd.DataFrame(rows)
    if ending == "parquet":
        pq.write_table(
            pa.Table.from_pylist(rows, pa.schema([("id", pa.int8()), ("text", pa.string()), ("note", pa.string())])),
            source,
        )
    elif ending == "jsonl":
        source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    else:
        frame.to_csv(source, index=False, sep="\t" if ending == "tsv" else ",")
    assert predict(trained, str(source), "--text-column=text", f"--output={output}") == 0
    found = written(output)
    model = tokenlayer.load(trained[1].run_id, output_dir=trained[0].output_dir)
    assert found.columns.tolist() == ["id", "text", "note", "prediction", "probability_neg", "probability_pos"]
    assert found["text"].tolist() == TEXTS
    assert [int(value) for value in found["id"]] == [-2, -1, 0, 1, 2]
    assert found["note"].fillna("").tolist() == ["", "-x", "-x", "-x", "-x"]
    probabilities = model.predict_proba(TEXTS)
    np.testing.assert_allclose(found[["probability_neg", "probability_pos"]], probabilities, rtol=0, atol=1e-6)
    assert found["prediction"].tolist() == model.classes(probabilities).tolist()
    if ending == wanted == "parquet":
        assert pq.read_schema(output).field("id").type == pa.int8()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, output.name])


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_to_standard_output(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    content = b'{"text": "lovely", "more": [1]}\n{"text": "awful", "more": {"a": null}}\n'
    content = gzip.compress(content) if packed else content
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert predict(trained, "-", "--text-column", "text") == 0
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["text"] for row in found] == ["lovely", "awful"]
    assert [row["more"] for row in found] == ["[1]", '{"a": null}']
    assert [row["prediction"] for row in found] == ["pos", "neg"]


def test_standard_input_separated_by_tabs(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"id\ttext\n1\tlovely, again\n2\tawful\n")))
    assert predict(trained, "-", "--text-column", "text") == 0
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["text"] for row in found] == ["lovely, again", "awful"]


def test_standard_input_is_called_so_in_errors(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"txt,label\na,b\n")))
    assert predict(trained, "-", "--text-column", "text") == 2
    error = capsys.readouterr().err
    assert "--text-column text: no such column in standard input; did you mean txt?; its columns are" in error


def test_nothing_in_csv_is_a_formula(trained: Trained, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('=cmd(),text\n+1+1,"@sum(a)"\n-5,x\n', encoding="utf-8")
    assert predict(trained, str(source), "--text-column", "text", "--output", str(output)) == 0
    lines = output.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("'=cmd(),text,prediction")
    assert lines[1].startswith("'+1+1,'@sum(a),")
    assert lines[2].startswith("-5,x,"), "a number is none"


def test_nothing_acts_on_a_terminal(
    trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text\n\x1b[31mlovely\u202e\n", encoding="utf-8")
    assert predict(trained, str(source), "--text-column", "text") == 0
    assert "\n\x1b[31mlovely\u202e,pos," in capsys.readouterr().out, "data that another program reads are as they were"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert predict(trained, str(source), "--text-column", "text") == 0
    assert "\n␛[31mlovely‹U+202E›,pos," in capsys.readouterr().out


BROKEN = {
    "fields.csv": ("text,n\na,1\nb,1\nc,1\nd\n", "line 5: 1 fields where the header has 2"),
    "no_json.jsonl": ('{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n{"text": \n', "line 4: not JSON"),
    "number.jsonl": ('{"text": "a"}\n{"text": "b"}\n{"text": 7}\n', "line 3: text=7 is no text"),
    "nan.jsonl": (
        '{"text": "a"}\n{"text": "b"}\n{"text": NaN}\n',
        "line 3: text is missing: fill it in, or drop the row",
    ),
    "null.jsonl": ('{"text": "a"}\n\n{"text": null}\n', "line 3: text is missing"),
    "lists.jsonl": ('{"text": "a"}\n{"text": ["b"]}\n', "line 2: text=a list is no text"),
    "column.jsonl": ('{"text": "a"}\n{"text": "b"}\n{"txt": "c"}\n', "line 3; did you mean txt?"),
    "half.jsonl": ('{"text": "a", "n": "\\ud800"}\n', "line 1: \\ud800 is half a character"),
    "none.csv": ("text,n\n", "holds no rows"),
    "empty.jsonl": ("", "holds no rows"),
    "taken.csv": ("text,prediction\na,b\n", "line 2: there is a column 'prediction' already: rename it"),
    "probability.csv": ("text,probability_pos\na,b\n", "there is a column 'probability_pos' already"),
    "twice.csv": ("text,n,n\na,b,c\n", "there are 2 columns 'n': rename all but the one meant"),
    "other.csv": ("review,n\na,b\n", "no such column in"),
    "table.xlsx": ("text\na\n", "is no table: give a file that ends in one of .csv"),
    "bytes.csv": ("text\na\nb\nc\n\udcff\n", "line 5, byte 1 of it (0xff) is not UTF-8"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("wanted", ["csv", "jsonl", "parquet"])
def test_a_broken_row_leaves_no_file(
    trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, wanted: str
) -> None:
    content, message = BROKEN[name]
    source = tmp_path / name
    source.write_text(content, encoding="utf-8", errors="surrogateescape")
    assert predict(trained, str(source), "--text-column", "text", "--output", str(tmp_path / f"out.{wanted}")) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == [source]


def test_rows_that_fit_no_table_of_columns(
    trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a", "n": 1}\n{"text": "b"}\n{"text": "c", "n": "x", "m": 2}\n', encoding="utf-8")
    for wanted in ("csv", "parquet"):
        assert predict(trained, str(source), "--text-column=text", f"--output={tmp_path}/out.{wanted}") == 2
        assert "line 3: the first rows have no column 'm': write a file that ends in .jsonl" in capsys.readouterr().err
    source.write_text('{"text": "a", "n": 1}\n{"text": "b"}\n{"text": "c", "n": "x"}\n', encoding="utf-8")
    assert predict(trained, str(source), "--text-column=text", f"--output={tmp_path}/out.parquet") == 2
    assert "lines 3 to 3: a value is of another kind than those before it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [source]
    assert predict(trained, str(source), "--text-column=text", f"--output={tmp_path}/out.jsonl") == 0
    assert written(tmp_path / "out.jsonl")["n"].tolist()[0] == 1


def test_what_is_refused_before_the_model_is_loaded(
    trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_csv(tmp_path / "in.csv", n=4)
    there = write_csv(tmp_path / "there.csv", n=4)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("tokenlayer.inference.loading.load", None)
    text = ["--text-column", "text"]
    for arguments, message in (
        ([str(source), *text, f"--output={source}"], "in.csv: is there already"),
        ([str(source), *text, f"--output={there}"], "there.csv: is there already: name a new file"),
        ([str(source), *text, f"--output={tmp_path}"], "its ending names no format: give one of .csv"),
        ([str(source), *text, f"--output={tmp_path}/out.xlsx"], "its ending names no format"),
        ([str(source), *text, f"--output={tmp_path}/no/out.csv"], "its folder is not there"),
        ([str(tmp_path / "no.csv"), *text], "there is no such file"),
        ([str(tmp_path), *text], "is no table"),
        ([str(source), "--text-column", "txt"], "did you mean text?; its columns are label, text"),
        ([str(source)], "the following arguments are required: --text-column"),
    ):
        assert predict(trained, *arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_runs_that_are_none(trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", n=4)
    store, _ = trained
    bad = tmp_path / "bad.ckpt"
    bad.write_text("no checkpoint")
    for run, message in (
        ("nosuchrun", "there is no run 'nosuchrun'"),
        (str(tmp_path / "no.ckpt"), "no such checkpoint file"),
        (str(bad), "no checkpoint of tokenlayer, or a damaged one"),
    ):
        arguments = [run, str(source), "--text-column", "text", f"--output={tmp_path}/out.csv"]
        assert main(["predict", *arguments, f"--output-dir={store.output_dir}"]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
