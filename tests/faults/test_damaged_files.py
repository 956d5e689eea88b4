"""Files that are no longer what was written: found by their digests, and replaced by what is whole, or told."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import TINY, Record, Server, Store, assert_same

faults = pytest.mark.faults


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def garbled(path: Path) -> None:
    path.write_bytes(b"\x80\x02garbage" * 100)


def gone(path: Path) -> None:
    path.unlink()


def turned(path: Path) -> None:
    """One bit."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def other_fields(path: Path) -> None:
    """JSON of another kind."""
    path.write_text('{"number": 0, "digest": 7, "checkpoint": [1], "step": {"deep": null}}\n' * 3)


def line_out(path: Path) -> None:
    """The journal without a line in its middle."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))


def torn(path: Path) -> None:
    """The journal with a line that was never finished."""
    with path.open("a") as file:
        file.write('{"digest": "0", "number"')


Damage = Callable[[Path], None]
DAMAGES = (truncated, emptied, garbled, gone, turned)
LAST = "checkpoints/last"
JOURNAL = "commits.jsonl"
PART = "artifacts/logs/train_log/part-000001.parquet"
METRICS = "artifacts/journal/metrics/part-000002.parquet"  # the first commit with metrics
FILES = (LAST, JOURNAL, PART, METRICS, "artifacts/config/resolved.yaml", "artifacts/config/overrides.yaml", "run.json")
CASES = [
    *((file, damage) for file in FILES for damage in DAMAGES),
    *((JOURNAL, damage) for damage in (other_fields, line_out, torn)),
    ("run.json", other_fields),
    ("artifacts/config/resolved.yaml", other_fields),
]
QUICK = {(LAST, truncated), (JOURNAL, line_out), (PART, truncated)}


@pytest.fixture(scope="module")
def broken_off(server: Server, tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[Store, str]:
    """A run that was killed in its second epoch, of which MLflow has all that was committed; to be copied."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    store = Store(folder)
    fault = ("tokenlayer.tracking.recorder:append_commit", 10, ["SIGKILL"])
    command = server.run("train", *TINY, *store.place, faults=[fault])
    assert command.run_id is not None, command.printed
    synced = server.run("sync", command.run_id, "--output-dir", str(folder))
    assert synced.code == 0, synced.printed
    return store, command.run_id


@pytest.fixture
def run(broken_off: tuple[Store, str], tmp_path: Path) -> tuple[Store, str]:
    """A copy of the run, and of its store."""
    source, run_id = broken_off
    target = tmp_path / "outputs"
    shutil.copytree(source.output_dir, target)
    with sqlite3.connect(target / "mlflow.db") as database:
        moved = (str(source.output_dir), str(target))
        database.execute("UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", moved)
        database.execute("UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", moved)
    database.close()
    return Store(target), run_id


def path_of(store: Store, run_id: str, file: str) -> Path:
    folder = store.output_dir / "runs" / run_id
    if file != LAST:
        return folder / file
    lines = (folder / JOURNAL).read_text().splitlines()
    saved = next(json.loads(line)["checkpoint"] for line in reversed(lines) if json.loads(line)["checkpoint"])
    return folder / "checkpoints" / saved["file"]


@pytest.mark.promise(
    "A checkpoint, journal, part, setting or note of the run's folder is truncated, empty, garbage, gone, or a bit off",
    "MLflow's copy is taken, and the message says of what; the same run",
)
@pytest.mark.parametrize(
    ("file", "damage"),
    [
        pytest.param(
            file,
            damage,
            id=f"{Path(file).parent.name} {Path(file).name} {damage.__name__}",
            marks=() if (file, damage) in QUICK else faults,
        )
        for file, damage in CASES
    ],
)
def test_damaged_here(server: Server, run: tuple[Store, str], whole: Record, file: str, damage: Damage) -> None:
    store, run_id = run
    damage(path_of(store, run_id, file))
    resumed = server.run("train", f"resume={run_id}", *store.place)
    assert resumed.code == 0, resumed.printed
    assert "Traceback" not in resumed.printed
    if file != "run.json" and damage is not torn:
        assert "MLflow's copy is taken" in resumed.printed or "config" in file
    assert_same(store.record(run_id), whole)


@faults
@pytest.mark.promise("The newest checkpoint is damaged here and in MLflow", "the one before is taken; the same run")
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_on_both_sides(server: Server, run: tuple[Store, str], whole: Record, damage: Damage) -> None:
    store, run_id = run
    damage(path_of(store, run_id, LAST))
    artifacts = store.output_dir / "artifacts" / "tokenlayer" / run_id / "artifacts"
    damage(artifacts / "checkpoints" / "last.ckpt")
    resumed = server.run("train", f"resume={run_id}", *store.place)
    assert resumed.code == 0, resumed.printed
    assert "is damaged or gone here and in MLflow; the run goes on from step" in resumed.printed
    assert_same(store.record(run_id), whole)


@faults
@pytest.mark.promise("All checkpoints are damaged here and in MLflow", "the run begins again; the same run")
def test_no_checkpoint_is_left(server: Server, run: tuple[Store, str], whole: Record) -> None:
    store, run_id = run
    for checkpoint in store.output_dir.rglob("*.ckpt"):
        garbled(checkpoint)
    resumed = server.run("train", f"resume={run_id}", *store.place)
    assert resumed.code == 0, resumed.printed
    assert "the run goes on from its beginning" in resumed.printed
    assert_same(store.record(run_id), whole)


@faults
@pytest.mark.promise("A part of a log is damaged here and in MLflow", "exit 2, and the part is named")
@pytest.mark.parametrize("damage", [truncated, gone])
def test_a_part_that_is_nowhere_whole(server: Server, run: tuple[Store, str], damage: Damage) -> None:
    store, run_id = run
    damage(path_of(store, run_id, PART))
    damage(store.output_dir / "artifacts" / "tokenlayer" / run_id / PART)
    resumed = server.run("train", f"resume={run_id}", *store.place)
    assert resumed.code == 2, resumed.printed
    assert "logs/train_log/part-000001.parquet is damaged or gone in" in resumed.printed
    assert "Traceback" not in resumed.printed


@faults
@pytest.mark.promise("Checkpoints or the run's folder are deleted", "MLflow's copy is taken; the same run")
@pytest.mark.parametrize("folder", ["checkpoints", "artifacts", ""])
def test_a_folder_is_gone(server: Server, run: tuple[Store, str], whole: Record, folder: str) -> None:
    store, run_id = run
    shutil.rmtree(store.output_dir / "runs" / run_id / folder)
    resumed = server.run("train", f"resume={run_id}", *store.place)
    assert resumed.code == 0, resumed.printed
    assert_same(store.record(run_id), whole)
