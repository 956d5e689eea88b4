"""What the program chooses by the training texts, from the command line to the typed configuration."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from tokenlayer.config.check import Spec, check
from tokenlayer.config.chosen import Chosen, choose
from tokenlayer.config.compose import composing
from tokenlayer.config.resume import SavedRun, continued
from tokenlayer.config.typed import flatten
from tokenlayer.data.prepare import prepare
from tokenlayer.data.profile import TextProfile
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.errors import InputError
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.trainer import epochs

OPEN = (
    "dataset.text_length",
    "dataset.alphabet.size",
    "dataset.batch_size",
    "initializer.ngram_lengths",
    "learning_rule.ngram_lengths",
    "learning_rule.edit_interval",
    "model.embedding_l2",
    "trainer.max_epochs",
    "lr_scheduler.T_max",
)
"""What a table and the recommended settings leave open."""
ENGLISH = (200, 110, 80, 80, 70, 65, 65, 60, 60, 60, 40, 40, 30, 30, 25, 25, 25, 20, 20, 20, 15, 10, 8, 2, 1, 1, 1)


def line(folder: Path, *overrides: str, text: str = "the quick brown fox", n: int = 100) -> list[str]:
    source = folder / "table.csv"
    pd.DataFrame({"text": [text] * n, "label": [i % 2 for i in range(n)]}).to_csv(source, index=False)
    columns = ["dataset.text_column=text", "dataset.label_column=label", f"dataset.cache_dir={folder / 'cache'}"]
    return ["dataset=table", f"dataset.source={source}", *columns, *overrides]


def composed(*texts: str) -> Chosen:
    with composing("train") as composer:
        (job,) = check(composer, texts, Spec(TrainConfig, lambda plain, _: plain), multirun=False)
    return choose(job.config, job.resolved)


def value(resolved: dict[str, object], key: str) -> object:
    return dict(flatten(resolved))[key]


def like(median: int, counts: tuple[int, ...], n_texts: int = 1000) -> TextProfile:
    return TextProfile(n_texts, (median,) * 101, counts)


def test_a_table_needs_no_more_than_its_columns(tmp_path: Path) -> None:
    chosen = composed(*line(tmp_path))
    for key in OPEN:
        assert value(chosen.resolved, key) is not None, key
    config = chosen.config
    assert (config.dataset.text_length, config.dataset.batch_size, config.dataset.alphabet.size) == (31, 8, 16)
    assert config.max_token_length() == 13
    assert config.trainer.max_epochs == 20
    assert config.lr_scheduler is not None
    assert config.lr_scheduler.keywords["T_max"] == 20 * (70 // 8)
    told = {choice.key for choice in chosen.choices}
    assert told == set(OPEN) - {"lr_scheduler.T_max"}, "what follows from another is not told"
    assert "dataset.text_length=31 (99 % of the training texts have at most 19 characters)" in map(str, chosen.choices)


def test_what_is_set_stays_and_the_rest_follows_it(tmp_path: Path) -> None:
    settings = [
        "dataset.text_length=6",
        "trainer.max_epochs=3",
        "dataset.batch_size=10",
        "learning_rule.ngram_lengths=[2,4]",
    ]
    config = composed(*line(tmp_path, *settings)).config
    assert (config.dataset.text_length, config.trainer.max_epochs, config.dataset.batch_size) == (6, 3, 10)
    assert config.lr_scheduler is not None
    assert config.lr_scheduler.keywords["T_max"] == 3 * (70 // 10)
    assert config.learning_rule.min_token_length() == 4
    assert config.max_token_length() == 6


def test_patterns_are_as_long_as_asked_for(tmp_path: Path) -> None:
    config = composed(*line(tmp_path, "model.max_token_length=4")).config
    assert config.initializer.min_token_length() == config.learning_rule.min_token_length() == 4


def test_nothing_is_read_where_nothing_is_open(tmp_path: Path) -> None:
    given = composed("experiment=original_imdb", "dataset.source=nowhere")
    assert given.choices == ()
    assert given.resolved["dataset"]["source"] == "nowhere"


def test_reviews_keep_the_settings_of_the_study() -> None:
    """Those of 35,000 reviews: 4.1 bits a character, 955 characters in the middle."""
    reviews = like(955, ENGLISH, 35_000)
    assert reviews.ngram_lengths(15.4, 3, 13) == list(range(3, 14))
    assert epochs(1093, -1) == 4


@pytest.mark.parametrize(
    ("median", "counts", "least_bits", "lengths"),
    [
        (955, (1,) * 800, 15.4, range(1, 6)),  # Chinese
        (2000, (1, 1, 1, 1), 16.5, range(3, 14)),  # DNA
        (9, ENGLISH, 8.7, range(2, 10)),  # names: none is longer than a text
        (1, ENGLISH, 5.5, range(1, 2)),  # single letters
        (0, (), 5.5, range(1, 2)),
    ],
)
def test_lengths_of_ngrams_follow_what_a_character_tells(
    median: int, counts: tuple[int, ...], least_bits: float, lengths: range
) -> None:
    assert like(median, counts).ngram_lengths(least_bits, 3, 13) == list(lengths)


@pytest.mark.parametrize(
    ("batches", "max_steps", "n"), [(17, -1, 20), (437, -1, 5), (10_000, -1, 4), (17, 40, 3), (17, 5, 1)]
)
def test_few_texts_are_read_more_often(batches: int, max_steps: int, n: int) -> None:
    assert epochs(batches, max_steps) == n


def test_a_share_of_the_batches_makes_more_epochs(tmp_path: Path) -> None:
    half = composed(*line(tmp_path, "trainer.limit_train_batches=0.5", n=20_000)).config
    assert (half.trainer.max_epochs, composed(*line(tmp_path, n=20_000)).config.trainer.max_epochs) == (10, 5)


def test_what_does_not_fit_what_is_chosen_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset\.text_length: 15 is below model\.max_token_length=20"):
        composed(*line(tmp_path, "model.max_token_length=20", text="abc"))


@pytest.mark.parametrize("repeated", [(), ("trainer.threads=1",)])
def test_a_resumed_run_keeps_what_it_chose(tmp_path: Path, repeated: tuple[str, ...]) -> None:
    started = line(tmp_path, *repeated)
    first = composed(*started).resolved
    with composing("train") as composer:
        texts = [*started, "resume=abc"]
        overrides = composer.split([composer.parse(text) for text in texts])
        (job,) = check(composer, texts, Spec(TrainConfig, lambda plain, _: plain), multirun=False)
    again = continued(job.resolved, overrides, SavedRun("abc", first, started))
    for key in OPEN:
        assert value(again, key) == value(first, key)


def test_texts_are_read_once_for_what_is_chosen_and_for_what_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, load = [], TableConfig.load
    monkeypatch.setattr(TableConfig, "load", lambda self: read.append(self) or load(self))
    dataset = composed(*line(tmp_path)).config.dataset
    assert prepare(dataset).text_length == 31
    assert len(read) == 1


@pytest.mark.parametrize(
    ("schedule", "argument"),
    [("{_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 0.1, total_steps: null}", "total_steps"),
     ("{_target_: torch.optim.lr_scheduler.CosineAnnealingLR, T_max: null}", "T_max")],
)  # fmt: skip
def test_a_schedule_ends_with_the_training(tmp_path: Path, schedule: str, argument: str) -> None:
    config = composed(*line(tmp_path, "lr_scheduler=none", f"lr_scheduler={schedule}")).config
    assert config.lr_scheduler is not None
    assert config.lr_scheduler.keywords[argument] == 20 * (70 // 8)


def test_a_cycle_of_epochs_leaves_no_steps_open(tmp_path: Path) -> None:
    schedule = (
        "{_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 1, total_steps: null, epochs: 2, steps_per_epoch: 3}"
    )
    config = composed(*line(tmp_path, "lr_scheduler=none", f"lr_scheduler={schedule}")).config
    assert config.lr_scheduler is not None
    assert config.lr_scheduler.keywords["total_steps"] is None


OWN = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.settling import Choice
from tokenlayer.data.types import RawDataset
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import LearningRuleConfig
from tokenlayer.rules.learning_rule import NoOpRule
from tokenlayer.vocabularies.base import InitializerConfig


@dataclass(kw_only=True)
class Days(DatasetConfig):
    open_fields: ClassVar = (*DatasetConfig.open_fields, "window")
    n: int = 100
    window: int | None = None

    def settle(self, texts, plan):
        yield from super().settle(texts, plan)
        yield Choice("window", texts.n_texts, "a test")

    def source_key(self):
        return f"days-{self.n}"

    def load(self):
        texts = ["sun and sun" if i % 2 else "rain, then rain" for i in range(self.n)]
        return RawDataset(texts, np.arange(self.n) % 2, ("rain", "sun"), "days")


@dataclass
class Blanks(InitializerConfig):
    open_fields: ClassVar = ("width",)
    width: int | None = None

    def settle(self, texts, plan):
        yield Choice("width", plan.longest_token, f"{plan.vocab_size} tokens")

    def build(self, context):
        return Vocabulary.blank(context.vocab_size, context.max_token_length)


@dataclass
class Slow(LearningRuleConfig):
    open_fields: ClassVar = ("rounds",)
    rounds: int | None = None

    def settle(self, texts, plan):
        yield Choice("rounds", 2 * plan.epochs * plan.steps_per_epoch, f"{plan.epochs} epochs")

    def build(self, context):
        return NoOpRule()


@dataclass
class Careless(Slow):
    def settle(self, texts, plan):
        return ()
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Settings of parts outside of tokenlayer, in an empty folder."""
    (tmp_path / "mine.py").write_text(OWN)
    for group, name in {"dataset": "Days", "initializer": "Blanks", "learning_rule": "Slow"}.items():
        path = tmp_path / "conf" / group / f"{name.lower()}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f"_target_: mine.{name}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKENLAYER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return ["dataset=days", "initializer=blanks", "learning_rule=slow", "allow_targets=[mine]"]


def test_parts_of_others_settle_what_they_leave_open(mine: list[str]) -> None:
    chosen = composed(*mine, "model.max_token_length=4")
    told = [str(choice) for choice in chosen.choices]
    assert "dataset.window=70 (a test)" in told
    assert "initializer.width=4 (500 tokens)" in told
    assert "learning_rule.rounds=320 (20 epochs)" in told
    assert chosen.resolved["learning_rule"]["rounds"] == 320
    assert (chosen.config.dataset.window, chosen.config.learning_rule.rounds) == (70, 320)


def test_a_resumed_run_keeps_what_a_part_of_others_chose(mine: list[str]) -> None:
    first = composed(*mine).resolved
    with composing("train") as composer:
        texts = [*mine, "resume=abc"]
        overrides = composer.split([composer.parse(text) for text in texts])
        (job,) = check(composer, texts, Spec(TrainConfig, lambda plain, _: plain), multirun=False)
    again = continued(job.resolved, overrides, SavedRun("abc", first, mine))
    assert again["learning_rule"] == first["learning_rule"]
    assert again["dataset"] == first["dataset"]


def test_a_part_that_chooses_nothing_for_what_it_leaves_open_is_named(mine: list[str]) -> None:
    with pytest.raises(TypeError, match=r"Careless\.settle chooses no value for rounds"):
        composed(*mine, "learning_rule._target_=mine.Careless")
