"""A table and its two columns: the rest is chosen. Texts of all kinds, few of each, train and are recorded."""

import math
from pathlib import Path

import pandas as pd
import pytest
from benchmarks.tables import KINDS, table
from tiny_runs import Recorded, Store

from tokenlayer.cli.main import main

# What takes time in every run, and is tested elsewhere.
UNWATCHED = [
    f"callbacks.{name}=null"
    for name in ("vals_log", "grads_log", "figures", "token_history", "patterns_log", "token_effects")
]


def frame(texts: list[str], n: int) -> pd.DataFrame:
    """The texts again and again, each of a class of its own."""
    return pd.DataFrame({"text": texts * n, "label": [str(i) for i in range(len(texts))] * n})


def train(texts: pd.DataFrame, folder: Path, store: Store, *overrides: str) -> Recorded:
    texts.to_csv(folder / "texts.csv", index=False)
    columns = ["dataset.text_column=text", "dataset.label_column=label", f"dataset.cache_dir={folder / 'cache'}"]
    place = [f"output_dir={store.output_dir}", "trainer.accelerator=cpu", "trainer.threads=1"]
    arguments = ["dataset=table", f"dataset.source={folder / 'texts.csv'}", *columns, *place, *UNWATCHED, *overrides]
    assert main(["train", *arguments]) == 0
    (run,) = store.runs()
    return run


@pytest.mark.parametrize("kind", KINDS)
def test_texts_of_all_kinds(kind: str, store: Store, tmp_path: Path) -> None:
    n_texts = 30 if kind == "endless" else 100
    run = train(table(kind, n_texts), tmp_path, store, "trainer.max_epochs=2")
    assert run.run.info.status == "FINISHED"
    assert math.isfinite(run.run.data.metrics["test/loss"])
    params = run.run.data.params
    assert params["group.learning_rule"] == "graft"
    open_still = [key for key in ("dataset.text_length", "learning_rule.ngram_lengths") if params[key] == "None"]
    assert open_still == []
    alphabet = int(params["dataset.alphabet.size"])
    assert alphabet > 255 if kind == "ideographs" else alphabet < 120


@pytest.mark.parametrize(
    "texts",
    [
        frame(["a", "b"], 20),  # no text is longer than a character
        frame(["", "x y z"], 20),  # half of them empty
        frame([chr(0x5000 + 7 * i) * 3 for i in range(40)], 1).assign(label=["0", "1"] * 20),  # nothing occurs twice
        frame(["\U0001f600 e\u0301te\u0301 \u202e", "\x00\t\u00df\u0130 \U0001f1e9\U0001f1ea"], 20),
    ],
    ids=["letters", "empty", "unique", "strange"],
)
def test_texts_that_give_little_to_learn_from(texts: pd.DataFrame, store: Store, tmp_path: Path) -> None:
    run = train(texts, tmp_path, store, "trainer.max_epochs=2")
    assert run.run.info.status == "FINISHED"


def test_the_terminal_says_what_was_chosen(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(table("ideographs", 60), tmp_path, store, "trainer.max_steps=2")
    chosen = [line for line in capsys.readouterr().out.splitlines() if line.startswith("chosen: ")]
    for key in ("dataset.text_length", "dataset.alphabet.size", "learning_rule.ngram_lengths", "trainer.max_epochs"):
        (line,) = [line for line in chosen if f" {key}=" in line]
        assert "(" in line, "with the reason"
    assert run.run.data.params["learning_rule.ngram_lengths"].startswith("[1, 2, 3")
    assert len((run.artifacts / "config" / "chosen.yaml").read_text().splitlines()) >= len(chosen)


def test_a_resumed_run_and_an_evaluation_know_what_was_chosen(store: Store, tmp_path: Path) -> None:
    run = train(table("names", 80), tmp_path, store, "trainer.max_epochs=4", "trainer.max_steps=9")
    place = f"output_dir={store.output_dir}"
    assert main(["train", f"resume={run.run_id}", place, "trainer.max_steps=20"]) == 0
    assert main(["evaluate", run.run_id, place]) == 0
    of_test, *_ = [other for other in store.runs() if other.run_id != run.run_id]
    assert of_test.run.data.metrics["test/accuracy"] >= 0
