"""What is chosen from texts where a dataset leaves it open."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tokenlayer.data.config import AlphabetConfig
from tokenlayer.data.prepare import prepare, profile, settled
from tokenlayer.data.profile import LARGEST_ALPHABET, LONGEST_TEXT, ROOM, TextProfile
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.errors import InputError


def like(
    n_texts: int = 1000, lengths: tuple[int, ...] = tuple(range(101)), counts: tuple[int, ...] = (3, 1)
) -> TextProfile:
    return TextProfile(n_texts, lengths, counts)


def table(folder: Path, texts: list[str], **settings: object) -> TableConfig:
    """Even texts of one class, odd ones of another; 60 % are for training."""
    parts = ["train", "train", "train", "validation", "test"]
    frame = pd.DataFrame(
        {
            "text": texts,
            "label": [f"class {i % 2}" for i in range(len(texts))],
            "part": [parts[i % 5] for i in range(len(texts))],
        }
    )
    frame.to_csv(folder / "table.csv", index=False)
    columns = {"text_column": "text", "label_column": "label", "split_column": "part"}
    return TableConfig(source=str(folder / "table.csv"), cache_dir=str(folder / "cache"), **columns, **settings)


def test_training_texts_alone_are_looked_at(tmp_path: Path) -> None:
    texts = ["Ab!" if i % 5 < 3 else "only in validation and test" for i in range(50)]
    assert profile(table(tmp_path, texts)) == TextProfile(30, (2,) * 101, (30, 30))


def test_the_second_time_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = table(tmp_path, ["some text", "another"] * 20)
    first = profile(config)
    monkeypatch.setattr(TableConfig, "load", lambda self: pytest.fail("read again"))
    assert profile(config) == first


def test_texts_that_cannot_be_trained_on_are_refused(tmp_path: Path) -> None:
    config = table(tmp_path, ["some text"] * 40)
    frame = pd.read_csv(config.source).assign(label="one")
    frame.to_csv(config.source, index=False)
    with pytest.raises(InputError, match="two or more classes"):
        settled(config)


def test_a_dataset_that_says_all_is_left_alone(tmp_path: Path) -> None:
    config = table(tmp_path, ["x"], text_length=7, alphabet=AlphabetConfig(size=3))
    Path(config.source).unlink()
    assert settled(config) is config


def test_what_is_said_stays(tmp_path: Path) -> None:
    config = settled(table(tmp_path, ["abcdefg", "hij"] * 50, text_length=5))
    assert (config.text_length, config.alphabet.size) == (5, 10)


def test_preparing_takes_what_is_chosen(tmp_path: Path) -> None:
    prepared = prepare(table(tmp_path, ["abcdefg", "hij"] * 50))
    assert prepared.text_length == 7 + ROOM
    assert prepared.alphabet.size == 10


def test_texts_are_read_whole_but_for_the_longest() -> None:
    assert like(lengths=(100,) * 101).text_length() == 100 + ROOM
    assert like(lengths=(50,) * 100 + (9000,)).text_length() == 50 + ROOM
    assert like(lengths=(50_000,) * 101).text_length() == LONGEST_TEXT
    assert like(lengths=(0,) * 101).text_length() == 1 + ROOM


@pytest.mark.parametrize(
    ("n_texts", "batch"), [(3, 3), (30, 8), (140, 8), (900, 16), (1599, 16), (1600, 32), (10**6, 32)]
)
def test_few_texts_make_small_batches(n_texts: int, batch: int) -> None:
    assert like(n_texts).batch_size() == batch


def test_rare_characters_are_left_out_unless_texts_are_full_of_them() -> None:
    latin = (10_000,) * 40
    assert like(counts=(*latin, *(1,) * 300)).alphabet_size() == 40
    assert like(counts=(*latin, *(15,) * 20, *(1,) * 300)).alphabet_size() == 60, "emoji that one text in a hundred has"
    assert like(counts=(9, 4)).alphabet_size() == 2, "no more than there are"
    assert like(counts=(99_999_999, *(1,) * 40)).alphabet_size() == 30, "DNA with a few misprints"
    assert like(counts=(1000,) * 20_000).alphabet_size() == LARGEST_ALPHABET
    assert like(counts=()).alphabet_size() == 1


def test_bits_are_the_entropy_of_the_alphabet() -> None:
    assert like(counts=(5,) * 16).bits() == pytest.approx(4)
    assert like(counts=(2, 1, 1)).bits() == pytest.approx(1.5)
    assert like(counts=()).bits() == 0
    assert np.isclose(like(counts=(7,)).bits(), 0)
