"""Tables of any content, encoding, type, name and place."""

import gzip
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzzed import bounded_memory, damaged, declared, few, many, odd_text
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.data import files
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources import readers
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.errors import InputError

SUFFIXES = [".csv", ".tsv", ".jsonl", ".parquet"]
ENCODINGS = ["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32-be", "latin-1", "cp037"]

Make = Callable[[Path], Path]
"""Makes the source in a folder."""


@st.composite
def rows(draw: st.DrawFn) -> list[list[Any]]:
    """A header, and enough rows to split."""
    header = draw(st.sampled_from([["text", "label"], ["label", "text"], ["text", "label", "text"], ["text"], []]))
    values = draw(st.lists(st.lists(odd_text(), min_size=2, max_size=2), min_size=1, max_size=6))
    made = [[text, label][: max(1, len(header))] for text, label in (values * 12)[:30]]
    if draw(st.booleans()):
        made = [[f"text {i}", "ab"[i % 2]] if i % 3 else row for i, row in enumerate(made)]
    return [header, *made]


@st.composite
def separated(draw: st.DrawFn) -> bytes:
    quote = draw(st.sampled_from(['"', "", "'"]))
    delimiter = draw(st.sampled_from([",", ",", "\t", ";"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
    lines = (delimiter.join(f"{quote}{field}{quote}" for field in row) for row in draw(rows()))
    return end.join(lines).encode(draw(st.sampled_from(ENCODINGS)), "replace")


def json_values() -> st.SearchStrategy[Any]:
    scalars = st.one_of(odd_text(), st.none(), st.booleans(), st.floats(), st.integers(), st.just(10**400))
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text(), inner, max_size=3)
    )


@st.composite
def json_lines(draw: st.DrawFn) -> bytes:
    lines = [json.dumps({"text": f"text {i}", "label": "ab"[i % 2]}) for i in range(20)]
    deep = draw(st.sampled_from([10, 900, 100_000]))
    odd = [
        json.dumps({"text": draw(json_values()), "label": draw(json_values())}),
        json.dumps({"text": "a", "label": draw(json_values())}, ensure_ascii=False),
        '{"text": "a", "label": ' + "[" * deep + "]" * deep + "}",
        '{"text": "a", "label": ' + '{"a":' * deep + "1" + "}" * deep + "}",
        '{"text": "a", "label": ' + "9" * deep + "}",
        '{"text": "a", "label": ' + "9" * deep + ".0}",
        json.dumps({"text": "a", "label": "7" * deep + ".0"}),
        '{"text": "a", "text": "b", "label": NaN}',
        json.dumps(draw(json_values())),
    ]
    lines[draw(st.integers(0, 19))] = draw(st.sampled_from(odd))
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def arrow_arrays() -> st.SearchStrategy[pa.Array]:
    n = 20
    made = [
        pa.array([f"text {i}" for i in range(n)]),
        pa.array(["ab"[i % 2] for i in range(n)]),
        pa.array(["ab"[i % 2] for i in range(n)]).dictionary_encode(),
        pa.array([["a"], None] * (n // 2)),
        pa.array([{"x": 1}, {"x": None}] * (n // 2)),
        pa.array([b"\xff\x00", b""] * (n // 2)),
        pa.array([b"\xff\xfe", b"a"] * (n // 2)).view(pa.string()),
        pa.array([None] * n),
        pa.array(list(range(n))),
        pa.array([1.5, float("nan")] * (n // 2)),
        pa.array([True, False] * (n // 2)),
        pa.array([2**62 + 1, 1] * (n // 2), pa.timestamp("ns")),
        pa.array([2**52, -(2**52)] * (n // 2), pa.timestamp("s")),
        pa.array([2**30, 5] * (n // 2), pa.date32()),
        pa.array([2**61, 5] * (n // 2), pa.duration("us")),
    ]
    return st.sampled_from(made)


@st.composite
def parquet(draw: st.DrawFn) -> bytes:
    names = draw(
        st.sampled_from([["text", "label"], ["text", "text", "label"], ["text", "label", "label"], ["text.a", "b"]])
    )
    table = pa.Table.from_arrays([draw(arrow_arrays()) for _ in names], names=names)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression=draw(st.sampled_from(["none", "zstd", "gzip"])))
    return draw(damaged(sink.getvalue().to_pybytes()))


@st.composite
def tables(draw: st.DrawFn) -> Make:
    contents = {".csv": separated(), ".tsv": separated(), ".jsonl": json_lines(), ".parquet": parquet()}
    suffix = draw(st.sampled_from(SUFFIXES))
    other = draw(st.integers(0, 9)) == 0
    content = draw(st.one_of(st.binary(max_size=100), *contents.values()) if other else contents[suffix])
    if draw(st.integers(0, 3)) == 0:
        content = draw(damaged(gzip.compress(content, mtime=0)))
    name = f"t{suffix}" + draw(st.sampled_from(["", "", ".gz", ".txt", ".zip"]))

    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def folder_as_table(folder: Path) -> Path:
    (folder / "t.csv").mkdir()
    return folder / "t.csv"


def link_to_itself(folder: Path) -> Path:
    (folder / "t.csv").symlink_to(folder / "t.csv")
    return folder / "t.csv"


def dangling(folder: Path) -> Path:
    (folder / "t.csv").symlink_to(folder / "gone.csv")
    return folder / "t.csv"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "t.csv")
    return folder / "t.csv"


PLACES: list[Make] = [
    folder_as_table,
    link_to_itself,
    dangling,
    pipe,
    lambda folder: folder / ("x" * 300 + ".csv"),
    lambda folder: folder / "nul\0.csv",
    lambda folder: Path("/dev/zero"),
    lambda folder: Path("~nobody-of-that-name/t.csv"),
    lambda folder: folder,
]


@st.composite
def sources(draw: st.DrawFn) -> Make:
    return draw(st.sampled_from(PLACES)) if draw(st.integers(0, 9)) == 0 else draw(tables())


COLUMNS = st.sampled_from(["text", "text", "text", "label", "text.a", "", "x" * 5000])
LENGTHS = st.sampled_from([30, None])


def is_refused_or_read(make: Make, column: str, text_length: int | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make(folder)

        def read() -> None:
            prepare(
                TableConfig(
                    source=str(source),
                    text_column=column,
                    label_column="label",
                    text_length=text_length,
                    cache_dir=name,
                )
            )

        declared(read, source.name[:100], "dataset.")
        assert not list(folder.rglob("*.unfinished"))


@few
@given(sources(), COLUMNS, LENGTHS)
def test_tables(make: Make, column: str, text_length: int | None) -> None:
    is_refused_or_read(make, column, text_length)


@many(9000)
@given(sources(), COLUMNS, LENGTHS)
def test_many_tables(make: Make, column: str, text_length: int | None) -> None:
    is_refused_or_read(make, column, text_length)


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("t.csv.gz", b"the same text over and over,b\n", "unpacks to more than 10,"),
        ("u.csv.gz", b"a", "line 2: longer than 1,000,000 characters"),
        ("t.jsonl.gz", b" ", "line 1: longer than 1,000,000 characters"),
    ],
)
def test_a_bomb_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: bytes, says: str
) -> None:
    monkeypatch.setattr(files, "_UNPACKED", 8 << 20)
    monkeypatch.setattr(readers, "LARGEST_TEXT", 1_000_000)
    first = b"" if "jsonl" in name else b"text,label\n"
    (tmp_path / name).write_bytes(gzip.compress(first + line * ((40 << 20) // len(line)), mtime=0))
    message = refusal(tmp_path / name, more=128 << 20)
    assert f"{tmp_path / name}" in message
    assert says in message


def test_a_parquet_file_of_many_equal_texts_is_not_unpacked(tmp_path: Path) -> None:
    text = pa.array(["x" * 1_000_000])
    table = pa.table(
        {"text": pa.DictionaryArray.from_arrays(pa.array([0] * 20_000), text), "label": ["a", "b"] * 10_000}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 1 << 20
    assert "unpacks to far more than texts do" in refusal(tmp_path / "t.parquet", more=1 << 30)


def refusal(path: Path, more: int) -> str:
    config = TableConfig(
        source=str(path), text_column="text", label_column="label", text_length=9, cache_dir=str(path.parent)
    )
    with bounded_memory(more), pytest.raises(InputError) as caught:
        config.load()
    return str(caught.value)
