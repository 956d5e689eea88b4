"""`tokenlayer tokens`: the tokens of a run or a checkpoint, and the texts that hold them."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tiny_runs import Recorded, Store

import tokenlayer
from tokenlayer.cli.main import main
from tokenlayer.data.splits import content_ids
from tokenlayer.escaping import from_csv_cell
from tokenlayer.inference import recorded_tokens, tables

Trained = tuple[Store, Recorded]


@pytest.fixture(autouse=True)
def few_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MOST_ROWS", 50)


def tokens(trained: Trained, run: str, *arguments: str) -> int:
    return main(["tokens", run, *arguments, f"--output-dir={trained[0].output_dir}"])


def as_json(trained: Trained, capsys: pytest.CaptureFixture[str], run: str, *arguments: str) -> pd.DataFrame:
    assert tokens(trained, run, *arguments, "--format", "json") == 0
    return pd.DataFrame(json.loads(capsys.readouterr().out))


def test_a_run_tells_what_it_has_recorded(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    store, run = trained
    listed = as_json(trained, capsys, run.run_id)
    figures = ["effect", "test texts", "test matches", "test texts of neg", "test texts of pos"]
    assert listed.columns.tolist() == ["token", "weight", "towards", *figures]
    model = tokenlayer.load(run.run_id, output_dir=store.output_dir)
    assert sorted(listed["token"]) == sorted(model.tokens["token"])
    reviews = pd.read_csv(store.output_dir.parent / "reviews.csv")
    recorded = pq.read_table(run.artifacts / "predictions" / "test.parquet").to_pandas()
    in_test = reviews[np.isin(content_ids(reviews["text"].tolist()), recorded["text_id"])]
    assert len(in_test) == len(recorded)
    unique = listed[~listed["token"].duplicated(keep=False)]
    assert len(unique) > 20
    for row in unique.to_dict("records"):
        holding = in_test[in_test["text"].str.contains(row["token"], regex=False)]
        assert row["test texts"] == len(holding)
        assert row["test texts of neg"] == (holding["label"] == "neg").sum()
        assert row["test texts of pos"] == (holding["label"] == "pos").sum()
    # With presence and D = 1 the mean effect is the weight by the share of texts.
    expected = unique["weight"] * unique["test texts"] / len(in_test)
    np.testing.assert_allclose(unique["effect"], expected, rtol=0, atol=1e-5)
    assert listed["effect"].abs().is_monotonic_decreasing
    assert set(listed["towards"]) == {"neg", "pos"}
    assert ((listed["weight"] > 0) == (listed["towards"] == "pos")).all()


def test_texts_are_counted_by_class_with_examples(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    store, run = trained
    source = store.output_dir.parent / "reviews.csv"
    given = ["--texts", str(source), "--text-column", "text"]
    listed = as_json(trained, capsys, run.run_id, *given, "--label-column", "label")
    reviews = pd.read_csv(source)
    assert len(reviews) == 120
    for row in listed.to_dict("records"):
        holding = reviews[reviews["text"].str.contains(row["token"], regex=False)]
        assert row["texts"] == len(holding)
        assert row["texts of neg"] == (holding["label"] == "neg").sum()
        assert row["texts of pos"] == (holding["label"] == "pos").sum()
        assert row["matches"] >= row["texts"]
        assert len(row["examples"]) == min(3, len(holding))
        for example in row["examples"]:
            assert f"[{row['token']}]" in example
            plain = example.replace("[", "").replace("]", "").strip("…")
            assert reviews["text"].str.contains(plain, regex=False).any()
    assert "texts of neg" not in as_json(trained, capsys, run.run_id, *given)


def test_a_bare_checkpoint_and_files(trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, run = trained
    checkpoint = tmp_path / "mine.ckpt"
    shutil.copyfile(run.artifacts / "checkpoints" / "best.ckpt", checkpoint)
    listed = as_json(trained, capsys, str(checkpoint))
    assert listed.columns.tolist() == ["token", "weight", "towards"]
    assert listed["weight"].abs().is_monotonic_decreasing
    assert tokens(trained, str(checkpoint), f"--output={tmp_path}/tokens.csv") == 0
    with (tmp_path / "tokens.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [from_csv_cell(row["token"]) for row in rows] == listed["token"].tolist()
    assert [float(row["weight"]) for row in rows] == listed["weight"].tolist()
    assert tokens(trained, str(checkpoint)) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["token", "weight", "towards"]
    assert shown[1].startswith(f'"{listed["token"][0]}"')
    assert len(shown) == 1 + len(listed)
    assert tokens(trained, str(checkpoint), f"--output={tmp_path}/tokens.txt") == 0
    assert (tmp_path / "tokens.txt").read_text(encoding="utf-8").splitlines() == shown


def test_no_column_is_cut_in_a_pipe_or_a_file(
    trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run = trained
    monkeypatch.setenv("COLUMNS", "30")
    given = ["--texts", str(store.output_dir.parent / "reviews.csv"), "--text-column", "text"]
    listed = as_json(trained, capsys, run.run_id, *given)
    assert tokens(trained, run.run_id, *given) == 0
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.split()[-3:] == ["texts", "matches", "examples"]
    for row, examples in zip(rows, listed["examples"], strict=True):
        assert row.rstrip().endswith("".join(examples[:1]).rstrip())
    assert tokens(trained, run.run_id, *given, f"--output={tmp_path}/tokens.txt") == 0
    assert (tmp_path / "tokens.txt").read_text(encoding="utf-8").splitlines() == [first, *rows]


def test_errors(trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store, run = trained
    source = store.output_dir.parent / "reviews.csv"
    labels = tmp_path / "labels.csv"
    labels.write_text("text,label\nlovely,pos\nfair,mixed\n", encoding="utf-8")
    no_label = tmp_path / "no_label.jsonl"
    no_label.write_text('{"text": "a", "label": "pos"}\n{"text": "b", "label": null}\n', encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    text, output = ["--text-column", "text"], f"--output={tmp_path}/out.csv"
    for arguments, message in (
        (["--texts", str(source)], "--texts FILE and --text-column NAME go together"),
        (text, "--texts FILE and --text-column NAME go together"),
        (["--label-column", "label"], "--label-column is of a table of texts"),
        (["--texts", str(source), "--text-column", "txt"], "no such column in"),
        (
            ["--texts", str(labels), *text, "--label-column", "label", output],
            "line 3: the model knows no class 'mixed'",
        ),
        (["--texts", str(no_label), *text, "--label-column=label", output], "line 2: the label (label) is missing"),
        ([f"--output={source}"], "is there already"),
        ([f"--output={tmp_path}/out.doc"], "its ending names no format: give one of .csv, .json, .txt"),
        (["--format", "json", output], "--format json is not what the ending says"),
        (["--format", "xml"], "invalid choice"),
    ):
        assert tokens(trained, run.run_id, *arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
    assert sorted(tmp_path.iterdir()) == before
    assert tokens(trained, "nosuchrun") == 2
    assert "there is no run 'nosuchrun'" in capsys.readouterr().err


def test_figures_of_older_versions(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They name each token with the blanks that fill it up."""
    expected = as_json(trained, capsys, trained[1].run_id)
    table = json.loads((trained[1].artifacts / "tokens" / "effects.json").read_text())
    for row in table["data"]:
        row[table["columns"].index("pattern")] += "██"
    (tmp_path / "effects.json").write_text(json.dumps(table))
    now = recorded_tokens.download_artifact

    def then(run_id: str, path: str, **named: Any) -> Path:
        return tmp_path / "effects.json" if path == "tokens/effects.json" else now(run_id, path, **named)

    monkeypatch.setattr(recorded_tokens, "download_artifact", then)
    pd.testing.assert_frame_equal(as_json(trained, capsys, trained[1].run_id), expected)


def test_damaged_figures(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    damaged = tmp_path / "effects.json"
    monkeypatch.setattr("tokenlayer.inference.recorded_tokens.download_artifact", lambda *_args, **_named: damaged)
    for content in ("{", '{"columns": ["pattern"], "data": [[1]]}', "[" * 100_000, '{"columns": 3, "data": 4}'):
        damaged.write_text(content)
        assert tokens(trained, trained[1].run_id) == 2
        assert "tokens/effects.json is damaged" in capsys.readouterr().err
