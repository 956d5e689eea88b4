"""Answers of runs in a study's folder."""

from pathlib import Path

import pyarrow as pa
import pytest

from tokenlayer.comparison.answers import AnswersReader
from tokenlayer.errors import InputError
from tokenlayer.study.archive import FOLDER, Archive

RIGHT = {"a": [True, False, True], "b": [False, False, True], "other": [True, True]}


def predictions(run: str, n: int = 3) -> pa.Table:
    labels = ["neg", "pos", "neg"][:n]
    opposite = {"neg": "pos", "pos": "neg"}
    made = [label if right else opposite[label] for label, right in zip(labels, RIGHT[run], strict=True)]
    return pa.table({"text_id": [f"{n}-{i}" for i in range(n)], "label": labels, "prediction": made})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs on the same texts, written one after the other, and one on others."""
    Archive().with_runs([("b", predictions("b"))]).write(tmp_path)
    Archive.read(tmp_path).with_runs([("a", predictions("a")), ("other", predictions("other", 2))]).write(tmp_path)
    return tmp_path


def test_what_was_written_is_read(folder: Path) -> None:
    archive = Archive.read(folder)
    for run, right in RIGHT.items():
        assert run in archive
        assert AnswersReader().of(archive.predictions(run)).correct.tolist() == right
    assert "text_id" not in [name for table in archive.tables for name in table.column_names[2:]]
    with pytest.raises(KeyError):
        archive.predictions("c")


def test_texts_are_there_once_and_the_order_of_runs_does_not_matter(folder: Path, tmp_path: Path) -> None:
    files = sorted((folder / FOLDER).iterdir())
    assert len(files) == 2
    again = tmp_path / "again"
    again.mkdir()
    everything = [("other", predictions("other", 2)), ("a", predictions("a")), ("b", predictions("b"))]
    Archive().with_runs(everything).write(again)
    assert [path.read_bytes() for path in sorted((again / FOLDER).iterdir())] == [path.read_bytes() for path in files]


def test_a_run_is_added_once(folder: Path) -> None:
    archive = Archive.read(folder)
    assert archive.with_runs([("a", predictions("b"))]).predictions("a").equals(archive.predictions("a"))


@pytest.mark.parametrize("content", [b"", b"PAR1 is the beginning of it"])
def test_a_damaged_file_is_told(folder: Path, content: bytes) -> None:
    damaged = min((folder / FOLDER).iterdir())
    damaged.write_bytes(content)
    with pytest.raises(InputError, match=f"{damaged.name}: is damaged, restore or remove it"):
        Archive.read(folder)
