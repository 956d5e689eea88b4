"""The examples run, and a training made in Python is that of the command."""

import ast
import runpy
from pathlib import Path

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch

from tokenlayer import InputError, ModelConfig, TextsConfig, TrainConfig, Training
from tokenlayer.cli.main import main
from tokenlayer.training.trainer import TrainerConfig

EXAMPLES = Path(__file__).parents[1] / "examples"
WORDS = ["the", "film", "was", "a", "story", "of", "people", "in", "some", "town", "with", "music", "and", "rain"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENLAYER_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def statements(name: str) -> list[str]:
    """The lines of an example from its training on, and its imports from elsewhere than the standard library."""
    lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
    own = lines[next(i for i, line in enumerate(lines) if line.startswith("training = ")) :]
    return [line for line in lines if line.startswith(("import", "from")) and line != "import random"] + own


SHORT = ("notebook_training.py", "own_training_loop.py")


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_imports_from_the_top_alone(name: str) -> None:
    lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
    if name in SHORT:
        lines = statements(name)
        assert len(lines) <= 15
    assert [line for line in lines if "tokenlayer." in line] == []
    assert not any(word in line for line in lines for word in ("hydra", "mlflow"))


@pytest.mark.parametrize("name", [*SHORT, "own_network.py"])
def test_an_example_finds_the_words_that_tell(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    (told,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("['")]
    assert "splendid" in told
    assert "tedious" in told
    assert not list(Path().glob("*")) or [path.name for path in Path().glob("*")] == ["cache"], (
        "nothing is written here"
    )


def test_tokens_are_compared_with_those_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    given, labels = texts()
    pd.DataFrame({"review": given, "mood": labels}).head(60).to_csv("reviews.csv", index=False)
    monkeypatch.setattr("sys.argv", ["compare", "reviews.csv", "review", "mood", "6"])
    runpy.run_path(str(EXAMPLES / "compare_with_count_vectorizer.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert ["with 6 tokens" in line for line in lines] == [True, True, True, False]
    assert "good" in lines[-1] or "dull" in lines[-1]


def test_a_transformer_learns_on_exported_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers", reason="transformers is no dependency, but of the extra huggingface")
    runpy.run_path(str(EXAMPLES / "transformer_on_exported_tokens.py"), run_name="__main__")
    told = capsys.readouterr().out.splitlines()
    (tokens,) = [ast.literal_eval(line) for line in told if line.startswith("['")]
    assert max(map(len, tokens)) > 3
    assert float(told[-1].removeprefix("accuracy ")) > 0.95


def texts() -> tuple[list[str], list[str]]:
    pairs = [
        (f"{WORDS[i % 14]} {WORDS[i * 5 % 14]} {('good', 'dull')[i % 2]} {WORDS[i * 3 % 14]}", i % 2)
        for i in range(160)
    ]
    return [text for text, _ in pairs], [("positive", "negative")[label] for _, label in pairs]


def test_tokens_and_predictions_are_those_of_the_command(tmp_path: Path, output_dir: Path) -> None:
    given, labels = texts()
    pd.DataFrame({"text": given, "label": labels}).to_csv("table.csv", index=False)
    columns = ["dataset=table", "dataset.source=table.csv", "dataset.text_column=text", "dataset.label_column=label"]
    settings = ["model.vocab_size=12", "trainer.max_epochs=4", "trainer.accelerator=cpu", "seed=3", "test_weights=last"]
    settings += ["callbacks.figures=null", "callbacks.token_history=null"]
    assert main(["train", *columns, *settings, f"output_dir={output_dir}"]) == 0
    (artifacts,) = output_dir.glob("artifacts/tokenlayer/*/artifacts")
    expected = pd.read_parquet(artifacts / "predictions" / "test.parquet")
    config = TrainConfig(
        seed=3,
        dataset=TextsConfig(given, labels),
        model=ModelConfig(vocab_size=12),
        trainer=TrainerConfig(max_epochs=4),
    )
    training = Training(config)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=4, logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(training.module, training.data)
    probabilities = torch.cat(trainer.predict(training.module, training.data))
    assert probabilities.tolist() == expected.filter(like="probability").iloc[:, -1].tolist()
    saved = torch.load(artifacts / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(saved["model.tokenization.codes"], training.layer.vocabulary().codes)


def test_wrong_settings_are_named_together() -> None:
    given, labels = texts()
    with pytest.raises(
        InputError, match=r"(?s)dataset\.labels: 2 for 160 texts.*model\.vocab_size: must be at least 1"
    ):
        Training(TrainConfig(dataset=TextsConfig(given, labels[:2]), model=ModelConfig(vocab_size=0)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((["a", 3.5], ["x", "y"]), r"dataset\.texts\[1\]: 3\.5 is no text"),
        ((["a", "b"], ["x", None]), "label is missing"),
    ],
)
def test_what_is_no_text_or_has_no_label_is_named(wrong: tuple[list[object], list[object]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Training(TrainConfig(dataset=TextsConfig(*wrong)))
