"""A folder of `save_pretrained` stands wherever a run or a checkpoint does."""

import json
from pathlib import Path

import pytest
from tiny_runs import Recorded, Store

import tokenlayer
from tokenlayer.cli.main import main

pytest.importorskip("safetensors")

Trained = tuple[Store, Recorded]


def test_every_command_takes_a_folder(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run = trained
    monkeypatch.chdir(tmp_path)
    tokenlayer.load(run.run_id, output_dir=store.output_dir).save_pretrained("model")
    place = f"output_dir={store.output_dir}"
    reviews = str(store.output_dir.parent / "reviews.csv")
    tables = [
        ["predict", reviews, "--text-column", "text"],
        ["tokens", "--format", "csv"],
        ["explain", "a lovely film"],
        ["evaluate", "tracking=local"],
    ]
    for command, *arguments in tables:
        said = []
        for named in (run.run_id, "model"):
            assert main([command, named, *arguments, place]) == 0, command
            said.append(capsys.readouterr().out)
        if command == "predict":
            assert said[0] == said[1]
        if command == "evaluate":
            assert (
                [line for line in said[0].splitlines() if "accuracy" in line]
                == [line for line in said[1].splitlines() if "accuracy" in line]
                != []
            )
    assert main(["export", "model", "--to", "huggingface", "--output", "tokens", place]) == 0
    assert (tmp_path / "tokens" / "tokenizer.json").is_file()
    assert json.loads((tmp_path / "model" / "config.json").read_text())["tokenlayer"]["format"] == 2


def test_a_damaged_folder_is_an_error_of_one_line(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, run = trained
    tokenlayer.load(run.run_id, output_dir=store.output_dir).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"PK")
    for command in (["explain", str(tmp_path / "model"), "a text"], ["evaluate", str(tmp_path / "model")]):
        assert main([*command, f"output_dir={store.output_dir}"]) == 2
        assert "no weights, or damaged ones" in capsys.readouterr().err
