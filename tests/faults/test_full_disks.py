"""Disks that are full: a file system of a megabyte or two, or a largest size of files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import TINY, Record, Server, Store, assert_same

faults = pytest.mark.faults
RECORDER = "tokenlayer.tracking.recorder"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Leave so many bytes of the file system free."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        file.write(bytes(shutil.disk_usage(folder).free - leave))
    return ballast


@faults
@pytest.mark.promise("The disk of the output folder gets full", "exit 1, the folder named, FAILED, resumable: the same")
@pytest.mark.parametrize("leave", [450_000, 700_000, 1_000_000])
def test_the_output_folder_is_full(server: Server, store: Store, small_disk: Path, whole: Record, leave: int) -> None:
    elsewhere = f"tracking.uri=sqlite:///{store.output_dir}/mlflow.db"
    place = [f"output_dir={small_disk}", elsewhere]
    ballast = fill(small_disk, leave)
    command = server.run("train", *TINY, *place)
    assert command.code == 1, command.printed
    assert f"no space is left to write to {small_disk}" in command.printed
    assert "Traceback" not in command.printed
    assert command.run_id is not None
    assert store.status(command.run_id) == "FAILED"
    ballast.unlink()
    resumed = server.run("train", f"resume={command.run_id}", *place)
    assert resumed.code == 0, resumed.printed
    assert_same(store.record(command.run_id), whole)


@faults
@pytest.mark.promise("The disk of output folder and store gets full", "exit 1, FAILED, resumable: the same run")
@pytest.mark.parametrize("leave", [500_000, 900_000])
def test_the_store_is_full_too(
    server: Server, small_disk: Path, empty_database: Path, whole: Record, leave: int
) -> None:
    shutil.copyfile(empty_database, small_disk / "mlflow.db")
    store = Store(small_disk)
    ballast = fill(small_disk, leave)
    command = server.run("train", *TINY, *store.place)
    assert command.code == 1, command.printed
    assert "Traceback" not in command.printed
    assert command.run_id is not None
    assert store.status(command.run_id) == "FAILED"
    ballast.unlink()
    resumed = server.run("train", f"resume={command.run_id}", *store.place)
    assert resumed.code == 0, resumed.printed
    assert_same(store.record(command.run_id), whole)


@faults
@pytest.mark.promise("The disk of the output folder is full at the start", "exit 2, nothing begun")
def test_no_room_to_begin(server: Server, store: Store, small_disk: Path) -> None:
    elsewhere = f"tracking.uri=sqlite:///{store.output_dir}/mlflow.db"
    fill(small_disk, 100_000)
    command = server.run("train", *TINY, f"output_dir={small_disk}", elsewhere)
    assert command.code == 2, command.printed
    assert f"output_dir={small_disk} cannot be written to" in command.printed
    assert store.runs() == []


@faults
@pytest.mark.promise("The disk of the cache is full", "exit 2, the folder named, nothing unfinished is left")
@pytest.mark.parametrize("leave", [4_000, 40_000, 200_000])
def test_the_cache_is_full(server: Server, store: Store, small_disk: Path, leave: int) -> None:
    fill(small_disk, leave)
    data = ("dataset.n_texts=5000", "dataset.split_seed=7")  # of which nothing is cached yet
    command = server.run("train", *TINY, *data, *store.place, f"dataset.cache_dir={small_disk}")
    assert command.code == 2, command.printed
    assert f"no space is left in the cache folder {small_disk}" in command.printed
    assert not list(small_disk.rglob("*.unfinished"))
    assert store.runs() == []


SCRIPT = """\
import os, resource, signal, sys
from pathlib import Path
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.cli.main import report
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
try:
    prepare(PlantedConfig(text_length=60, n_texts=2000, n_words=12, batch_size=8, cache_dir=sys.argv[1]))
except Exception as error:
    sys.exit(report(error))
"""


@pytest.mark.promise(
    "A file of the cache would exceed the largest size", "exit 2, the folder named, nothing unfinished"
)
def test_a_file_of_the_cache_is_too_large(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert f"no space is left in the cache folder {tmp_path}" in done.stderr
    assert not list(tmp_path.rglob("*.unfinished"))


@pytest.mark.promise("The output folder is read-only, the store elsewhere", "exit 2, nothing begun")
def test_an_output_folder_that_cannot_be_written(server: Server, store: Store, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder would be")  # which root cannot write into either
    elsewhere = f"tracking.uri=sqlite:///{store.output_dir}/mlflow.db"
    command = server.run("train", *TINY, f"output_dir={blocked}", elsewhere)
    assert command.code == 2, command.printed
    assert "cannot be written to" in command.printed
    assert "Traceback" not in command.printed
    assert store.runs() == []


@pytest.mark.promise("An unlucky start: the folder cannot take its name", "the run that MLflow has is FAILED")
def test_a_start_that_fails_in_the_middle(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokenlayer.tracking.config import TrackingConfig  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.tracking.folder import RunFolder  # noqa: PLC0415
    from tokenlayer.tracking.recorder import Recorder  # noqa: PLC0415

    def fail(folder: RunFolder, run_id: str) -> None:
        raise OSError(30, os.strerror(30), str(folder.root))

    monkeypatch.setattr(RunFolder, "take_name", fail)
    with pytest.raises(OSError, match="Read-only"):
        Recorder.start(TrackingConfig(), store.output_dir)
    (run,) = store.runs()
    assert run.info.status == "FAILED"
    assert not list((store.output_dir / "runs").iterdir())
