"""Arrays that are kept beside the texts."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tokenlayer.array_cache import Arrays, cached_arrays

ARRAYS = {"some": np.arange(6).reshape(2, 3), "others": np.array([0.5, np.nan])}


class Counted:
    """Makes the arrays, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Arrays:
        self.calls += 1
        return ARRAYS


def assert_these(arrays: Arrays) -> None:
    assert set(arrays) == set(ARRAYS)
    for name, value in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], value)
        assert arrays[name].dtype == value.dtype


def test_made_once_for_the_same_settings(tmp_path: Path) -> None:
    make = Counted()
    for _ in range(3):
        assert_these(cached_arrays(tmp_path, "ngrams", {"b": [1, 2], "a": None}, make))
    assert_these(cached_arrays(tmp_path, "ngrams", {"a": None, "b": [1, 2]}, make))
    assert make.calls == 1


@pytest.mark.parametrize(("name", "settings"), [("teacher", [1, 2]), ("ngrams", [1, 3]), ("ngrams", [1.0, 2])])
def test_made_again_for_others(name: str, settings: object, tmp_path: Path) -> None:
    make = Counted()
    cached_arrays(tmp_path, "ngrams", [1, 2], make)
    cached_arrays(tmp_path, name, settings, make)
    assert make.calls == 2


def test_without_a_folder_nothing_is_kept() -> None:
    make = Counted()
    for _ in range(2):
        assert_these(cached_arrays(None, "ngrams", [], make))
    assert make.calls == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(ARRAYS["some"].tobytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, changed, lambda path: path.write_bytes(b"")], ids=["cut", "changed", "empty"])
def test_a_broken_file_is_made_again(damage: Callable[[Path], object], tmp_path: Path) -> None:
    make = Counted()
    cached_arrays(tmp_path, "ngrams", [], make)
    (path,) = tmp_path.glob("*.npz")
    damage(path)
    for _ in range(2):
        assert_these(cached_arrays(tmp_path, "ngrams", [], make))
    assert make.calls == 2


def test_nothing_is_left_of_one_that_failed(tmp_path: Path) -> None:
    def fails() -> Arrays:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cached_arrays(tmp_path, "ngrams", [], fails)
    assert not list(tmp_path.glob("*.npz"))
    assert_these(cached_arrays(tmp_path, "ngrams", [], Counted()))


PROCESS = """
import sys, time
from pathlib import Path
import numpy as np
from tokenlayer.array_cache import cached_arrays

folder = Path(sys.argv[1])

def make():
    with (folder / "made").open("a") as made:
        made.write("x")
    time.sleep(0.5)
    return {"some": np.arange(3)}

print(cached_arrays(folder, "n-grams", [], make)["some"].tolist())
"""


def test_processes_at_once_wait_for_the_first(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=120)[0].strip() for process in running] == ["[0, 1, 2]"] * 2
    assert (tmp_path / "made").read_text() == "x"


def test_no_byte_that_changes_is_taken_for_what_was_written(tmp_path: Path) -> None:
    make = Counted()
    cached_arrays(tmp_path, "ngrams", {}, make)
    (path,) = tmp_path.glob("*.npz")
    content = path.read_bytes()
    for place in range(0, len(content), 5):
        for bit in (1, 128):
            path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            assert_these(cached_arrays(tmp_path, "ngrams", {}, make))
