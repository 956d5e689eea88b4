import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokenlayer.data.config import AlphabetConfig
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.data.types import PreparedDataset
from tokenlayer.errors import InputError

ROWS = pd.DataFrame(
    {
        "body": [f'Text "{i}", {word}\nwith a line' for i, word in enumerate(["blå", "rød", "字"] * 10)],
        "kind": ["blue", "red", "sign"] * 10,
        "part": (["train"] * 6 + ["validation"] * 2 + ["test"] * 2) * 3,
    }
)


@pytest.fixture
def read(cache_dir: str) -> Callable[..., PreparedDataset]:
    """Prepares a table."""

    def prepared(source: Path, **settings: object) -> PreparedDataset:
        settings = {"text_column": "body", "label_column": "kind", **settings}
        return prepare(TableConfig(source=str(source), text_length=30, cache_dir=cache_dir, **settings))

    return prepared


def write(path: Path, rows: pd.DataFrame = ROWS) -> Path:
    name = path.name.removesuffix(".gz")
    if name.endswith("parquet"):
        rows.to_parquet(path)
    elif name.endswith("jsonl"):
        rows.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        rows.to_csv(path, sep="\t" if name.endswith("tsv") else ",", index=False)
    return path


def write_lines(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("split_column", [None, "part"])
def test_every_format_gives_the_same_data(read, tmp_path: Path, split_column: str | None) -> None:
    names = ["a.csv", "a.csv.gz", "a.tsv", "a.jsonl", "a.jsonl.gz", "a.parquet"]
    prepared = [read(write(tmp_path / name), split_column=split_column) for name in names]
    zipped = tmp_path / "b.parquet.gz"
    zipped.write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    prepared.append(read(zipped, split_column=split_column))
    assert len({data.fingerprint for data in prepared}) == 1
    assert prepared[0].class_names == ("blue", "red", "sign")


def test_the_split_column_decides(read, tmp_path: Path) -> None:
    data = read(write(tmp_path / "a.csv"), split_column="part")
    assert data.report.texts == {"train": 18, "validation": 6, "test": 6}
    assert data.report.notes == ()


def test_files_by_split_equal_a_split_column(read, tmp_path: Path) -> None:
    parts = {part: write(tmp_path / f"{part}.csv", rows) for part, rows in ROWS.groupby("part")}
    by_file = read(parts["train"], validation_source=str(parts["validation"]), test_source=str(parts["test"]))
    by_column = read(write(tmp_path / "a.csv"), split_column="part")
    assert by_file.fingerprint == by_column.fingerprint


def test_validation_is_carved_from_training_where_none_is_given(read, tmp_path: Path) -> None:
    rows = ROWS.assign(part=ROWS["part"].replace("validation", "train"))
    data = read(write(tmp_path / "a.csv", rows), split_column="part")
    assert data.report.texts == {"train": 20, "validation": 4, "test": 6}
    assert "validation" in data.report.notes[0]


def test_the_order_of_the_file_changes_nothing(read, tmp_path: Path) -> None:
    shuffled = ROWS.sample(frac=1, random_state=0)
    for split_column in (None, "part"):
        first = read(write(tmp_path / "a.csv"), split_column=split_column)
        second = read(write(tmp_path / "b.csv", shuffled), split_column=split_column)
        assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["10", "9", "9"], ("9", "10")),
        ([True, False, True], ("False", "True")),
        ([0, 1, 2], ("0", "1", "2")),
        ([-1.5, 2.0, 2.0], ("-1.5", "2")),
        (["b", "a", "10"], ("10", "a", "b")),
    ],
)
def test_labels_of_any_type(read, tmp_path: Path, labels: list[object], names: tuple[str, ...]) -> None:
    rows = ROWS.assign(kind=labels * 10)
    for name in ("a.csv", "a.parquet"):
        assert read(write(tmp_path / name, rows)).class_names == names


def test_equal_numbers_are_one_class_however_they_are_written(read, tmp_path: Path) -> None:
    lines = [
        json.dumps({"body": f"text {i}", "kind": kind}) for i, kind in enumerate([1, 1.0, "1.0", 0, -0.0, 2e0] * 5)
    ]
    mixed = read(write_lines(tmp_path / "a.jsonl", *lines))
    assert mixed.class_names == ("0", "1", "2")
    assert sum(len(split.labels) for split in mixed.splits.values()) == 30
    whole = write(tmp_path / "a.csv", ROWS.assign(kind=["0", "1", "1"] * 10))
    floats = write(tmp_path / "a.parquet", ROWS.assign(kind=[0.0, 1.0, 1.0] * 10))
    assert read(whole).fingerprint == read(floats).fingerprint
    versions = write(tmp_path / "v.csv", ROWS.assign(kind=["1.10", "1.1", "v1.0"] * 10))
    assert read(versions).class_names == ("1.1", "1.10", "v1.0")


def test_text_that_looks_like_a_missing_value_is_text(read, tmp_path: Path) -> None:
    rows = ROWS.assign(body="NA")
    data = read(write(tmp_path / "a.csv", rows))
    assert data.alphabet.decode(data.splits["test"].codes[0])[:3] == "na·"


def test_a_byte_order_mark_is_no_part_of_the_header(read, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(path).fingerprint == read(write(tmp_path / "b.csv")).fingerprint


def test_texts_longer_than_the_csv_modules_limit(read, tmp_path: Path) -> None:
    rows = ROWS.assign(body=ROWS["body"] + "x" * 200_000)
    assert read(write(tmp_path / "a.csv", rows)).report.cut_texts["train"] == 21


def test_empty_texts_are_kept_and_counted(read, tmp_path: Path) -> None:
    for name, empty in [("a.csv", "?!"), ("a.jsonl", None), ("a.parquet", "")]:
        rows = ROWS.assign(body=[empty, *ROWS["body"][1:]])
        report = read(write(tmp_path / name, rows), split_column="part").report
        assert report.empty_texts == {"train": 1, "validation": 0, "test": 0}
        assert sum(report.texts.values()) == 30


def test_duplicates_across_splits_are_counted(read, tmp_path: Path) -> None:
    body = list(ROWS["body"])
    body[6] = body[8] = body[9] = body[0]  # validation, test, test; and train
    report = read(write(tmp_path / "a.csv", ROWS.assign(body=body)), split_column="part").report
    assert report.duplicates == {"train/validation": 1, "train/test": 2, "validation/test": 2}
    assert report.repeated_texts == 3


def refusal(read: Callable[..., PreparedDataset], path: Path, **settings: object) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **settings)
    return str(caught.value)


def test_missing_column_names_those_present_and_near_ones(read, tmp_path: Path) -> None:
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        message = refusal(read, write(tmp_path / name), label_column="kinds")
        assert name in message
        assert message.startswith("dataset.label_column=kinds: no such column in ")
        assert message.endswith("; did you mean kind?; its columns are body, kind, part")


@pytest.mark.parametrize("missing", ["", " ", None, float("nan")])
def test_missing_label_names_its_line(read, tmp_path: Path, missing: object) -> None:
    rows = ROWS.assign(kind=[*ROWS["kind"][:4], missing, *ROWS["kind"][5:]])
    # Each text takes two lines of the CSV.
    assert "a.csv, line 10: the label (kind) is missing" in refusal(read, write(tmp_path / "a.csv", rows))
    assert "a.jsonl, line 5: the label (kind) is missing" in refusal(read, write(tmp_path / "a.jsonl", rows))
    assert "a.parquet, line 5: the label" in refusal(read, write(tmp_path / "a.parquet", rows))


def test_one_class_only(read, tmp_path: Path) -> None:
    message = refusal(read, write(tmp_path / "a.csv", ROWS.assign(kind="blue")))
    assert "a.csv, column kind: every label is 'blue'" in message


def test_one_class_only_in_training(read, tmp_path: Path) -> None:
    rows = ROWS.assign(kind=ROWS["part"].map(lambda part: "blue" if part == "train" else "red"))
    assert "all training texts are of class 'blue'" in refusal(
        read, write(tmp_path / "a.csv", rows), split_column="part"
    )


def test_no_text_left_after_cleaning(read, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS.assign(body="?!"))
    assert "no text is left after cleaning" in refusal(read, path)
    message = refusal(read, write(tmp_path / "b.csv"), alphabet=AlphabetConfig(characters="XYZ"))
    assert "b.csv: no training text holds a character of the alphabet 'XYZ' after cleaning" in message


def test_unknown_split_value_names_its_line(read, tmp_path: Path) -> None:
    rows = ROWS.assign(part=[*ROWS["part"][:2], "dev", *ROWS["part"][3:]])
    message = refusal(read, write(tmp_path / "a.csv", rows), split_column="part")
    assert "a.csv, line 6: part='dev' is no split: write train, validation, test" in message


@pytest.mark.parametrize("absent", ["train", "test"])
def test_empty_split(read, tmp_path: Path, absent: str) -> None:
    path = write(tmp_path / "a.csv", ROWS[ROWS["part"] != absent])
    assert f"a.csv: the {absent} split is empty" in refusal(read, path, split_column="part")


def test_too_few_texts_to_split(read, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", "body,kind", "one,a", "two,b")
    assert "cannot be split" in refusal(read, path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["body,kind", "fine,a", "one, two,b"], "line 3: 3 fields where the header has 2"),
        (["body,kind", "fine,a", "lonely"], "line 3: 1 fields where the header has 2"),
        (["body,kind", "fine,a", '"open,b', "c,d"], "line 3: unexpected end of data"),
        (["body,kind"], "holds no rows"),
    ],
)
def test_rows_that_cannot_be_read_name_their_line(read, tmp_path: Path, lines: list[str], message: str) -> None:
    path = write_lines(tmp_path / "a.csv", *lines)
    assert f"{path}" in refusal(read, path)
    assert message in refusal(read, path)


def test_an_empty_file(read, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.touch()
    assert refusal(read, path) == f"dataset.text_column=body: no such column in {path}; its columns are none"


def test_json_that_is_none_names_its_line(read, tmp_path: Path) -> None:
    good = json.dumps({"body": "a", "kind": "b"})
    assert "a.jsonl, line 2: not JSON" in refusal(read, write_lines(tmp_path / "a.jsonl", good, "{body: 1"))
    assert "b.jsonl, line 2: not a JSON object" in refusal(read, write_lines(tmp_path / "b.jsonl", good, "[1]"))
    number = json.dumps({"body": 3, "kind": "b"})
    assert "c.jsonl, line 2: body=3 is no text" in refusal(read, write_lines(tmp_path / "c.jsonl", good, number))
    half = json.dumps({"body": "a \ud800", "kind": "red"})
    assert "d.jsonl, line 2: \\ud800 is half a character" in refusal(
        read, write_lines(tmp_path / "d.jsonl", good, half)
    )


def test_damaged_and_foreign_files(read, tmp_path: Path) -> None:
    zipped = write(tmp_path / "a.csv.gz")
    zipped.write_bytes(zipped.read_bytes()[:-20])
    assert "a.csv.gz is truncated" in refusal(read, zipped)
    parquet = write(tmp_path / "a.parquet")
    parquet.write_bytes(parquet.read_bytes()[:-20])
    assert "a.parquet is no Parquet file, or damaged" in refusal(read, parquet)
    latin = tmp_path / "latin.csv"
    latin.write_bytes("body,kind\nblå,a\n".encode("latin-1"))
    assert "latin.csv, line 2, byte 3 of it (0xe5) is not UTF-8" in refusal(read, latin)
    # Far behind what is decoded at once, in a text of several lines.
    rows = "".join(f'"text {i}\nof two lines",a\n' for i in range(20_000)).encode()
    content = b"body,kind\n" + rows + b"\xe5,a\n"
    for name, stored in [("far.csv", content), ("far.csv.gz", gzip.compress(content))]:
        (tmp_path / name).write_bytes(stored)
        assert f"{name}, line 40002, byte 1 of it" in refusal(read, tmp_path / name)
    assert "a.xlsx is no table" in refusal(read, write_lines(tmp_path / "a.xlsx", "x"))


def test_another_separator_is_recognised(read, tmp_path: Path) -> None:
    message = refusal(read, write_lines(tmp_path / "a.csv", "id;body;kind", "1;text;a"))
    assert "a.csv, line 1: 'id;body;kind' seems to be separated by ';': save it with commas" in message
    assert "separated by tabs" in refusal(read, write_lines(tmp_path / "b.csv", "body\tkind", "text\ta"))
    assert "separated by commas: save it with tabs" in refusal(
        read, write_lines(tmp_path / "c.tsv", "body,kind", "t,a")
    )
    assert "dataset.text_column=body: no such column" in refusal(read, write_lines(tmp_path / "d.csv", "text", "t"))


def test_missing_files_are_named_by_their_key(read, tmp_path: Path) -> None:
    assert "dataset.source=" in refusal(read, tmp_path / "nowhere.csv")
    path = write(tmp_path / "a.csv")
    assert "dataset.test_source=nowhere.csv" in refusal(read, path, test_source="nowhere.csv")


def test_settings_that_contradict_are_all_named_before_any_reading(read, tmp_path: Path) -> None:
    message = refusal(read, tmp_path / "nowhere.csv", label_column="body", batch_size=0, validation_source="v.csv")
    assert "dataset.batch_size" in message
    assert "dataset.label_column" in message
    assert "dataset.test_source" in message
    assert "split_column or test_source" in refusal(
        read, tmp_path / "nowhere.csv", split_column="part", test_source="t.csv"
    )


def test_a_column_that_is_there_twice_is_ambiguous(read, tmp_path: Path) -> None:
    for name in ("a.csv", "a.tsv"):
        separator = "\t" if name.endswith("tsv") else ","
        path = write_lines(tmp_path / name, separator.join(["body", "kind", "body"]), separator.join("xay"))
        assert f"{name}: there are 2 columns 'body': rename all but the one meant" in refusal(read, path)
    twice = pa.table([pa.array(["x", "y"])] * 3, names=["body", "kind", "kind"])
    pq.write_table(twice, tmp_path / "a.parquet")
    assert "a.parquet: there are 2 columns 'kind'" in refusal(read, tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (["a"], "no text, number or flag, but a list"),
        ("x" * 600, "has 600 characters, a class at most 500: is it the text?"),
    ],
)
def test_labels_that_name_no_class(read, tmp_path: Path, label: object, says: str) -> None:
    good = json.dumps({"body": "a", "kind": "b"})
    path = write_lines(tmp_path / "a.jsonl", good, json.dumps({"body": "a", "kind": label}))
    message = refusal(read, path)
    assert "a.jsonl, line 2: the label (kind)" in message
    assert says in message


def test_json_that_is_too_deep_or_too_large_names_its_line(read, tmp_path: Path) -> None:
    good = json.dumps({"body": "a", "kind": "b"})
    deep = '{"body": "a", "kind": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert "line 2: nested too deeply" in refusal(read, write_lines(tmp_path / "a.jsonl", good, deep))
    number = '{"body": "a", "kind": ' + "9" * 5000 + "}"
    assert "line 2: not JSON (Exceeds the limit" in refusal(read, write_lines(tmp_path / "b.jsonl", good, number))


def test_parquet_columns_of_other_types_are_named(read, tmp_path: Path) -> None:
    table = pa.table({"body": [["a"], ["b"]], "kind": ["a", "b"]})
    pq.write_table(table, tmp_path / "b.parquet")
    assert "b.parquet: column 'body' is of list" in refusal(read, tmp_path / "b.parquet")


def test_what_is_no_file_is_not_read(read, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert "neither a file nor a folder" in refusal(read, tmp_path / "pipe.csv")
    assert "no path of a file" in refusal(read, tmp_path / f"{'x' * 300}.csv")


def test_a_column_of_ids_is_none_of_classes(read, tmp_path: Path) -> None:
    message = refusal(read, write(tmp_path / "a.csv", ROWS.assign(kind=range(30))))
    assert "30 texts have 30 different labels" in message


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_split_column_that_is_not_used_is_noted(read, tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name, ROWS.rename(columns={"part": "Split"}))
    (note,) = read(source).report.notes
    assert note == (
        f"the column 'Split' of {source} is not used, and the texts are split at random: add "
        "dataset.split_column=Split to split them by it"
    )
    assert read(source).report.notes == (note,), "from the cache too"
    assert read(source, split_column="Split").report.notes == ()
    assert read(source, test_source=str(source)).report.notes == (
        "the source has no validation texts: 15% of its training texts were taken",
    )
    assert read(write(tmp_path / f"other_{name}")).report.notes == ()


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize("setting", ["text_column", "label_column", "split_column"])
def test_a_missing_column_names_its_setting(read, tmp_path: Path, name: str, setting: str) -> None:
    source = write(tmp_path / name)
    message = (
        rf"dataset\.{setting}=knd: no such column in {source}.*; did you mean kind\?; its columns are body, kind, part"
    )
    with pytest.raises(InputError, match=message):
        read(source, **{setting: "knd"})
