import json
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenlayer.data import prepare as prepare_module
from tokenlayer.data.config import AlphabetConfig
from tokenlayer.data.prepare import prepare
from tokenlayer.data.report import Example, preview
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.data.types import PreparedDataset
from tokenlayer.errors import InputError
from tokenlayer.text.cleaning import CleaningConfig

TEXTS = ["ab c", "Bb!", "a<br />c", "", "cab cab cab", "b", "aaaaaaaaaaaa", "c c"]


def write(path: Path, texts: list[str]) -> Path:
    """Texts of the classes x and y, by turns; the first half are for training, the others for the rest."""
    half = len(texts) // 2
    parts = ["train"] * half + ["validation", "test"] * half
    lines = [
        json.dumps({"text": text, "label": "xy"[i % 2], "part": part})
        for i, (text, part) in enumerate(zip(texts, parts, strict=False))
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def config(path: Path, **changed: object) -> TableConfig:
    return TableConfig(
        **{
            "source": str(path),
            "text_column": "text",
            "label_column": "label",
            "split_column": "part",
            "text_length": 6,
            "batch_size": 2,
            "alphabet": AlphabetConfig(size=30),
            "cache_dir": str(path.parent / "cache"),
            **changed,
        }
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "table.jsonl", TEXTS)


def decoded(prepared: PreparedDataset) -> dict[str, set[str]]:
    return {name: {prepared.alphabet.decode(row) for row in split.codes} for name, split in prepared.splits.items()}


def test_texts_are_cleaned_cut_and_padded(table: Path) -> None:
    prepared = prepare(config(table))
    assert prepared.alphabet.chars == "b ac"
    assert decoded(prepared) == {
        "train": {"ab c··", "bb····", "a c···", "······"},
        "validation": {"cab ca", "aaaaaa"},
        "test": {"b·····", "c c···"},
    }
    assert prepared.report.empty_texts == {"train": 1, "validation": 0, "test": 0}
    assert prepared.report.cut_texts == {"train": 0, "validation": 2, "test": 0}
    assert prepared.report.class_balance["train"] == {"x": 2, "y": 2}
    assert isinstance(prepared.splits["train"].codes, np.memmap)


def test_the_alphabet_is_counted_on_the_training_texts_unless_told_otherwise(table: Path) -> None:
    # In the training texts b occurs 3 times, the others twice; in all texts a and b are the most common.
    assert prepare(config(table, alphabet=AlphabetConfig(size=2))).alphabet.chars == "b "
    in_all = prepare(config(table, alphabet=AlphabetConfig(size=2, scope="all")))
    assert in_all.alphabet.chars == "ab"
    given_chars = prepare(config(table, alphabet=AlphabetConfig(characters="c<UNK>")))
    assert given_chars.alphabet.chars == "c<UNK>"
    assert "��c···" in decoded(given_chars)["train"]


def test_characters_outside_the_alphabet_stay_as_no_category_when_told(table: Path) -> None:
    kept = prepare(
        config(table, alphabet=AlphabetConfig(characters="ac"), cleaning=CleaningConfig(keep_alphabet=False))
    )
    assert decoded(kept)["train"] == {"a··c··", "······", "a·c···"}


def test_the_corpus_is_the_uncut_training_texts_joined_by_a_space(table: Path) -> None:
    prepared = prepare(config(table))
    corpus = prepared.alphabet.decode(prepared.corpus())
    assert sorted(corpus.split(" ")) == sorted(["ab", "c", "bb", "a", "c", ""])
    assert len(corpus) == len("ab c") + len("bb") + len("a c") + 3
    everything = prepared.alphabet.decode(prepared.corpus("all"))
    assert everything.startswith(corpus + " ")
    assert "aaaaaaaaaaaa" in everything
    assert prepared.alphabet.decode(prepared.corpus(cap=5)) == corpus[:5]


def test_a_cap_on_all_texts_takes_a_sample_of_all_splits(table: Path) -> None:
    prepared = prepare(config(table))
    whole = prepared.alphabet.decode(prepared.corpus("all", cap=10_000))
    assert sorted(whole) == sorted(prepared.alphabet.decode(prepared.corpus("all")))
    for cap in range(len(whole) + 1):
        assert prepared.alphabet.decode(prepared.corpus("all", cap=cap)) == whole[:cap]


def test_without_a_space_in_the_alphabet_texts_are_joined_by_no_category(table: Path) -> None:
    prepared = prepare(config(table, alphabet=AlphabetConfig(characters="abc")))
    assert prepared.alphabet.decode(prepared.corpus()).count("·") == 3


def test_large_alphabets_take_two_bytes(tmp_path: Path) -> None:
    letters = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    path = write(tmp_path / "table.jsonl", [letters, letters[::-1], letters, "一"])
    prepared = prepare(config(path, alphabet=AlphabetConfig(size=300), text_length=300))
    assert prepared.splits["train"].codes.dtype == np.uint16
    assert prepared.alphabet.decode(prepared.splits["validation"].codes[0]) == letters


def test_preview_shows_texts_without_padding(table: Path) -> None:
    shown = preview(prepare(config(table)), n=10)
    assert set(shown.examples) == {
        Example("ab c", "x"),
        Example("bb", "y"),
        Example("a c", "x"),
        Example("", "y"),
    }
    assert shown.class_balance["test"] == {"x": 0, "y": 2}
    assert len(preview(prepare(config(table)), n=2).examples) == 2


def test_a_class_without_texts_is_noted(table: Path) -> None:
    assert "the test split has no text of class x" in prepare(config(table)).report.notes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    texts=st.lists(st.text(alphabet="aB! 😀<br />", max_size=12), min_size=4, max_size=12),
    text_length=st.integers(1, 8),
)
def test_agrees_with_plain_string_operations(tmp_path: Path, texts: list[str], text_length: int) -> None:
    texts = ["ab", *texts[1:]]
    path = write(tmp_path / "table.jsonl", texts)
    chars = "ab 😀"
    prepared = prepare(config(path, text_length=text_length, alphabet=AlphabetConfig(characters=chars)))
    cleaned = ["".join(char for char in text.replace("<br />", " ").lower() if char in chars) for text in texts]
    expected = sorted(text[:text_length].ljust(text_length, "·") for text in cleaned)
    found = [prepared.alphabet.decode(row) for split in prepared.splits.values() for row in split.codes]
    assert sorted(found) == expected
    assert len(prepared.corpus("all")) == len(" ".join(cleaned))


def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the sources that are read from now on."""
    read: list[str] = []
    load = TableConfig.load

    def counted(self: TableConfig) -> object:
        read.append(self.source)
        return load(self)

    monkeypatch.setattr(TableConfig, "load", counted)
    return read


def test_the_second_time_nothing_is_read(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(config(table))
    read = loads(monkeypatch)
    second = prepare(config(table, batch_size=7, reshuffle=False))
    assert read == []
    assert second.report == first.report
    assert second.fingerprint == first.fingerprint
    assert (second.corpus() == first.corpus()).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"text_length": 5},
        {"split_seed": 1},
        {"cleaning": CleaningConfig(lower_case=False)},
        {"alphabet": AlphabetConfig(size=2)},
        {"split_column": None},
    ],
)
def test_other_settings_are_prepared_anew(
    table: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object]
) -> None:
    prepare(config(table))
    read = loads(monkeypatch)
    prepare(config(table, **changed))
    assert len(read) == 1


def test_the_cache_knows_contents_not_names_or_times(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(config(table))
    moved = table.rename(table.with_name("other.jsonl"))
    os.utime(moved, (0, 0))
    read = loads(monkeypatch)
    prepare(config(moved))
    assert read == []
    write(moved, [*TEXTS[:-1], "c b"])
    assert prepare(config(moved)).fingerprint != first.fingerprint
    assert len(read) == 1


def cached(table: Path) -> Path:
    (found,) = [path for path in (table.parent / "cache/prepared").iterdir() if path.is_dir()]
    return found


@pytest.mark.promise("The encoded texts' meta.json is edited", "they are made again, and it is told")
@pytest.mark.parametrize(
    "change", [{"class_names": ["of", "others"]}, {"report": {}}, {"checksums": {}}, {"text_length": "5"}, {"more": 1}]
)
def test_an_edited_description_of_the_cache_is_not_believed(
    table: Path, change: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    first = prepare(config(table))
    meta = cached(table) / "meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), **change}))
    again = prepare(config(table))
    assert (again.class_names, again.report) == (first.class_names, first.report)
    assert "is damaged, and is made again" in caplog.text


@pytest.mark.parametrize("name", ["train_codes.npy", "uncut.npy", "test_ids.npy", "bounds.npy", "meta.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_cache_is_made_anew(table: Path, name: str, damage: str) -> None:
    first = prepare(config(table)).fingerprint
    file = cached(table) / name
    content = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        file.write_bytes(content[:-2] + bytes([content[-2] ^ 1, content[-1] ^ 1]))
    again = prepare(config(table))
    assert again.fingerprint == first
    assert decoded(again)["test"] == {"b·····", "c c···"}


def _prepare_and_die(table: Path) -> None:
    # Killed when all arrays are written, and the last step is not made.
    prepare_module.report_on = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    prepare(config(table))


def _prepare(table: Path) -> str:
    return prepare(config(table)).fingerprint


def test_a_killed_process_leaves_no_half_cache(table: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_prepare_and_die, args=(table,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert cached(table).name.endswith(".unfinished")
    assert decoded(prepare(config(table)))["test"] == {"b·····", "c c···"}
    assert not cached(table).name.endswith(".unfinished")


def test_processes_that_prepare_at_once_agree(table: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert len(set(pool.map(_prepare, [table] * 2))) == 1
    assert cached(table).is_dir()


def test_a_failed_preparation_leaves_nothing(table: Path) -> None:
    with pytest.raises(InputError, match="no training text holds a character"):
        prepare(config(table, alphabet=AlphabetConfig(characters="Z")))
    assert not [path for path in (table.parent / "cache/prepared").iterdir() if path.is_dir()]


def test_the_environment_names_the_cache(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENLAYER_CACHE", str(tmp_path / "elsewhere"))
    prepare(config(table, cache_dir=None))
    assert (tmp_path / "elsewhere/prepared").is_dir()


def test_a_cache_folder_that_cannot_be_made_is_named(table: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be made .*: set dataset\.cache_dir"):
        prepare(config(table, cache_dir=str(table / "below a file")))


@pytest.mark.parametrize(
    ("alphabet", "message"),
    [
        (AlphabetConfig(characters=""), r"dataset\.alphabet\.characters: the alphabet is empty"),
        (AlphabetConfig(characters="aba"), r"dataset\.alphabet\.characters: .*'a' more than once"),
        (AlphabetConfig(size=0), r"dataset\.alphabet\.size: 0 is below 1"),
    ],
)
def test_alphabets_that_make_no_sense_are_named(table: Path, alphabet: AlphabetConfig, message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(config(table, alphabet=alphabet))
