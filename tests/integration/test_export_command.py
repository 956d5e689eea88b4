"""`tokenlayer export`: a run as a tokenizer for Hugging Face."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_runs import Recorded, Store, without
from tokenizers import Tokenizer

from tokenlayer import load
from tokenlayer.cli.main import main

Trained = tuple[Store, Recorded]


def export(trained: Trained, *arguments: str) -> int:
    return main(["export", trained[1].run_id, *arguments, f"output_dir={trained[0].output_dir}"])


def test_a_run_as_a_tokenizer(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "tokens"
    assert export(trained, "--to", "huggingface", "--output", str(output)) == 0
    assert f"written to {output}: " in capsys.readouterr().err
    card = (output / "README.md").read_text()
    assert f"in the run `{trained[1].run_id}`" in card
    assert "matches are not seen**" in card
    assert json.loads((output / "tokenizer_config.json").read_text())["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert Tokenizer.from_file(str(output / "tokenizer.json")).encode("A lovely film!").tokens
    reviews = str(trained[0].output_dir.parent / "reviews.csv")
    on_texts = ("--texts", reviews, "--text-column", "text", "--output", str(tmp_path / "more"))
    assert export(trained, "--to", "huggingface", *on_texts) == 0
    assert "In the texts that were given (120 texts" in (tmp_path / "more" / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "huggingface", "--output", "."], ".: is there already"),
        (["--to", "huggingface", "--output", "none/tokens"], "none/tokens: cannot be made (none is no folder"),
        (["--to", "tensorflow", "--output", "x"], "invalid choice: 'tensorflow'"),
        (["--to", "huggingface", "--output", "x", "--texts", "y"], "--texts FILE and --text-column NAME go together"),
        (["--to", "huggingface", "--output", "x", "--label-column", "y"], "unrecognized arguments"),
    ],
)
def test_what_cannot_be_meant(
    trained: Trained, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(trained, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not Path("x").exists()


def test_an_unknown_run(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["export", "nosuchrun", "--to", "huggingface", "--output", str(tmp_path / "x")]
    assert main([*line, f"output_dir={trained[0].output_dir}"]) == 2
    assert "nosuchrun" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_tokens_as_text_begin_another_training(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], train: Callable[..., Recorded]
) -> None:
    assert export(trained, "--to", "text", "--output", str(tmp_path / "out")) == 0
    path = tmp_path / "out" / "tokens.txt"
    assert f"tokens written to {path}" in capsys.readouterr().err
    tokens = path.read_text(encoding="utf-8").splitlines()
    source = ["dataset=table", f"dataset.source={trained[0].output_dir.parent / 'reviews.csv'}"]
    source += ["dataset.text_column=text", "dataset.label_column=label", "dataset.batch_size=8"]
    settings = ["initializer=vocabulary", f"initializer.file={path}", f"model.vocab_size={len(tokens)}"]
    left = without("dataset", "initializer", "learning_rule", "model")
    again = train(*source, *settings, "learning_rule=frozen", "trainer.max_epochs=1", tiny=left)
    assert load(again.artifacts / "checkpoints" / "last.ckpt").tokens["token"].tolist() == tokens
