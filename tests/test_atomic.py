from pathlib import Path

import pytest

from tokenlayer.atomic import replace_text, replacing


def test_a_file_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with replacing(path) as unfinished:
        unfinished.write_text("after")
        assert unfinished.parent == tmp_path
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "arrays"
    path.mkdir()
    (path / "old").touch()
    with replacing(path) as unfinished:
        unfinished.mkdir()
        (unfinished / "new").touch()
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_block_that_fails_changes_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), replacing(path) as unfinished:  # noqa: PT012
        if kind == "folder":
            unfinished.mkdir()
        (unfinished / "inside" if kind == "folder" else unfinished).write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with replacing(path) as unfinished:
        left = unfinished
        left.touch()
    left.mkdir()
    (left / "half").touch()
    with replacing(path) as unfinished:
        assert not unfinished.exists()
        unfinished.touch()
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_written_as_utf_8(tmp_path: Path) -> None:
    replace_text(tmp_path / "a.txt", "█")
    assert (tmp_path / "a.txt").read_bytes() == "█".encode()


def test_the_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_text(tmp_path / "gone" / "a.txt", "text")


def test_a_file_never_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "kept").touch()
    with pytest.raises(IsADirectoryError):
        replace_text(tmp_path / "a", "text")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "kept"]
