"""Checkpoints of trainings that were made in Python, for the commands."""

import functools
from pathlib import Path

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from sources import write_rows
from tiny_runs import Store

from tokenlayer import ModelConfig, TextsConfig, TrainConfig, Training
from tokenlayer.cli.main import main
from tokenlayer.vocabularies.random_ngrams import RandomNgramsConfig

WORDS = ("fine", "dull")
TEXTS = [f"number {i % 9}, a {WORDS[i % 2]} film" for i in range(80)]
LABELS = [("pos", "neg")[i % 2] for i in range(80)]
COLUMNS = ["dataset.text_column=text", "dataset.label_column=label"]


def fitted(path: Path, **settings: object) -> Training:
    config = TrainConfig(
        dataset=TextsConfig(TEXTS, LABELS),
        initializer=RandomNgramsConfig([3, 4]),
        model=ModelConfig(vocab_size=12),
        **settings,
    )
    training = Training(config)
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(training.module, training.data)
    trainer.save_checkpoint(path)
    return training


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    path = tmp_path_factory.mktemp("python") / "model.ckpt"
    return path, fitted(path)


def test_it_is_evaluated_on_texts_that_are_named(
    checkpoint: tuple[Path, Training], store: Store, tmp_path: Path
) -> None:
    path, training = checkpoint
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
    source = write_rows(tmp_path / "t.csv", rows)
    place = [f"output_dir={store.output_dir}", "trainer.accelerator=cpu", "trainer.threads=1"]
    assert main(["evaluate", str(path), "dataset=table", f"dataset.source={source}", *COLUMNS, *place]) == 0
    (run,) = store.runs()
    (predictions,) = (run.artifacts / "predictions").glob("*.parquet")
    found = pd.read_parquet(predictions).groupby("text_id")["probability_pos"].first()
    test = training.dataset.splits["test"]
    with torch.no_grad():
        expected = training.model.eval()(torch.from_numpy(test.codes[:])).probabilities
    assert training.dataset.class_names == ("neg", "pos")
    assert found.loc[test.ids].tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_its_own_texts_are_not_in_it(
    checkpoint: tuple[Path, Training], store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(checkpoint[0]), f"output_dir={store.output_dir}"]) == 2
    message = capsys.readouterr().err
    assert "dataset.texts: there are none; those that a program gave are not kept with a model" in message
    assert "dataset=table dataset.source=" in message
    assert store.runs() == []
    assert b"dull film" not in checkpoint[0].read_bytes()


def test_it_explains_a_text(checkpoint: tuple[Path, Training], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(checkpoint[0]), "A fine film!"]) == 0
    assert "a fine film" in capsys.readouterr().out


def test_parts_without_a_name_are_told(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.ckpt"
    fitted(path, optimizer=functools.partial(lambda parameters: torch.optim.SGD(parameters, lr=0.1)), lr_scheduler=None)
    for command in (["evaluate", str(path)], ["explain", str(path), "A fine film!"]):
        assert main([*command, f"output_dir={store.output_dir}"]) == 2
        assert "this checkpoint carries no configuration" in capsys.readouterr().err
