"""A budget of tokens to be read, in whole trainings."""

import csv
from pathlib import Path

import pytest
from tiny_runs import CPU, QUIET, TINY, Store

from tokenlayer.cli.main import main


def test_a_budget_that_no_edit_would_see_to_is_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    budget = ["learning_rule.tokens_per_text=3", "learning_rule.edit_interval=2"]
    assert main(["train", *TINY, *budget, f"output_dir={store.output_dir}"]) == 2
    told = capsys.readouterr().err
    assert "learning_rule.tokens_per_text: 3 is kept by edits, of which none falls into 34 steps" in told
    assert "the first would come after 34 (edit_interval), the last after 20 (edit_until)" in told
    assert store.runs() == []


def texts_of_two_kinds(path: Path) -> None:
    """Training texts are short, those of validation long: tokens are read there more often."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label", "part"])
        for i in range(120):
            words = [("good", "bad")[i % 2], ("sun", "rain", "wind")[i % 3], "day"]
            part = ("train", "train", "validation", "test")[i // 2 % 4]
            rows.writerow([" ".join(words * (6 if part == "validation" else 1)), i % 2, part])


@pytest.mark.parametrize(("budget", "is_over"), [("1", True), ("40", False)])
def test_more_tokens_on_validation_texts_than_asked_for(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], budget: str, is_over: bool
) -> None:
    texts_of_two_kinds(tmp_path / "t.csv")
    table = ["dataset=table", f"dataset.source={tmp_path}/t.csv", "dataset.text_column=text"]
    table += ["dataset.label_column=label", "dataset.split_column=part", "dataset.batch_size=8", "trainer.max_epochs=1"]
    table += ["dataset.text_length=100"]
    chosen = ["initializer=frequent_ngrams", f"initializer.tokens_per_text={budget}", "learning_rule=frozen"]
    line = [*table, *chosen, "model.vocab_size=4", *CPU, *QUIET, f"output_dir={store.output_dir}"]
    assert main(["train", *line]) == 0
    (run,) = store.runs()
    read = run.run.data.metrics["validation/tokens_read"]
    told = f"initializer.tokens_per_text={budget} is kept on the training texts, but on those of validation {read:.3g}"
    assert (read > 1.05 * float(budget)) == is_over
    assert (f"warning: {told}" in capsys.readouterr().err) == is_over
    assert (told in run.run.data.tags["mlflow.note.content"]) == is_over


def test_a_budget_of_the_first_tokens_alone(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [s for s in TINY if not s.startswith("initializer")]
    first = ["initializer=chi2_ngrams", "initializer.ngram_lengths=[2,3,4]", "initializer.tokens_per_text=4"]
    assert main(["train", *settings, *first, f"output_dir={store.output_dir}"]) == 0
    told = "initializer.tokens_per_text=4 was for the first tokens, which the learning rule has replaced by others"
    assert told in capsys.readouterr().err
