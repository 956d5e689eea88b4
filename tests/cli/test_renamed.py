"""Names of version 0.1, on the command line and in a ./conf of the user's: each leads to the new one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tokenlayer.cli.main import main
from tokenlayer.config import renamed
from tokenlayer.config.compose import composing
from tokenlayer.config.targets import locate

Complaint = Callable[..., str]


@pytest.fixture
def complaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complaint:
    """What the program prints of a command line that it refuses."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        assert main(arguments) == 2
        told = capsys.readouterr().err
        assert "Traceback" not in told
        return told

    return run


def test_the_command(complaint: Complaint) -> None:
    told = complaint("reference", "reference=tfidf")
    assert told == "error: reference: is now called baseline; write tokenlayer baseline …\n"


KEYS = {old: new for old, new in renamed.KEYS.items() if old != "reference"}


@pytest.mark.parametrize("old", KEYS)
def test_keys(old: str, complaint: Complaint) -> None:
    assert f"{old}: is now called {KEYS[old]} [{old}=1 on the command line]" in complaint("train", f"{old}=1")


@pytest.mark.parametrize("old", ["reference=tfidf", "reference.min_texts=3"])
def test_the_group_of_baselines(old: str, complaint: Complaint) -> None:
    assert f"reference: is now called baseline [{old} on the command line]" in complaint("baseline", old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("initializer=random_grams", "initializer=random_ngrams"),
        ("initializer=short_grams", "initializer=short_ngrams"),
        ("initializer=frequent_grams", "initializer=frequent_ngrams"),
        ("initializer=discriminative", "initializer=chi2_ngrams"),
        ("initializer=l1_grams", "initializer=l1_ngrams"),
        ("initializer=max_cover", "initializer=original initializer.corpus.scope=train initializer.corpus.cap=null"),
        ("initializer=max_cover_seed", "initializer=original"),
        ("initializer=gaussian", "initializer=original_gaussian"),
        ("learning_rule=seed", "learning_rule=original"),
        ("model=seed", "model=original"),
        ("optimizer=keras_adam", "optimizer=original"),
        ("experiment=seed_imdb", "experiment=original_imdb"),
    ],
)
def test_options(old: str, new: str, complaint: Complaint) -> None:
    assert complaint("train", old) == f"error: {old}: is now called {new}\n"
    with composing("train") as composer:
        for choice in new.split()[:1]:
            group, _, option = choice.partition("=")
            assert option in composer.options(group)


def test_a_value(complaint: Complaint) -> None:
    told = complaint("train", "dataset=imdb", "dataset.split=seed")
    assert "dataset.split: seed is now called random [dataset.split=seed on the command line]" in told


def test_all_at_once_with_other_problems(complaint: Complaint) -> None:
    told = complaint("train", "model.n_neurons=x", "learning_rule.stop=2", "initializer=gaussian", "seed=-1", "sed=1")
    assert "model.n_neurons: is now called model.vocab_size" in told
    assert "learning_rule.stop: is now called learning_rule.edit_until" in told
    assert "initializer=gaussian: is now called initializer=original_gaussian" in told
    assert "sed: no such key; did you mean seed?" in told


def test_a_callback_that_is_taken_away(complaint: Complaint) -> None:
    told = complaint("train", "~callbacks.biography")
    assert "callbacks.biography is now called callbacks.token_history" in told


def write(path: str, text: str) -> Path:
    file = Path("conf") / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file.absolute()


def test_a_file_with_an_old_key(complaint: Complaint) -> None:
    file = write("experiment/mine.yaml", "# @package _global_\nmodel: {n_neurons: 100}\n")
    assert f"model.n_neurons: is now called model.vocab_size [{file}]" in complaint("train", "experiment=mine")


def test_a_value_with_an_old_key_need_not_be_given_again(complaint: Complaint) -> None:
    """Where the new key is a required one, its value is that of the old key."""
    write("model/mine.yaml", "_target_: tokenlayer.models.classifier.ModelConfig\nn_neurons: 100\n")
    assert "model.vocab_size" not in complaint("train", "model=mine").replace("is now called model.vocab_size", "")


def test_a_file_with_an_old_option(complaint: Complaint) -> None:
    write("experiment/mine.yaml", "# @package _global_\ndefaults:\n  - override /initializer: gaussian\n")
    told = complaint("train", "experiment=mine")
    assert "initializer=gaussian is now called initializer=original_gaussian" in told


def test_a_file_with_an_old_class(complaint: Complaint) -> None:
    file = write("dataset/mine.yaml", "_target_: tokenlayer.data.table.TableConfig\nsource: a.csv\n")
    told = complaint("train", "dataset=mine")
    new = "tokenlayer.data.sources.table.TableConfig"
    assert f"dataset._target_: tokenlayer.data.table.TableConfig is now called {new} [{file}]" in told


@pytest.mark.parametrize("old", renamed.CLASSES)
def test_the_new_class_is_there(old: str) -> None:
    assert isinstance(locate(renamed.CLASSES[old].split(" ", maxsplit=1)[0]), type)


def test_every_class_that_0_1_configured_is_there_or_renamed() -> None:
    """`_target_`s of the files that came with version 0.1."""
    for old in (Path(__file__).parent / "targets_of_0_1.txt").read_text().split():
        assert old in renamed.CLASSES or isinstance(locate(old), type), old
