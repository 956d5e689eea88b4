"""Ids of runs that are none, and artifacts of runs that are missing or malformed: what is at fault is said."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzzed import damaged, declared, few, many, odd_text
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import TINY, Store

from tokenlayer.cli.checkpoint_loading import saved_config, saved_run
from tokenlayer.cli.main import main
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.reading import load_log, load_resolved_config
from tokenlayer.training.checkpoint_loading import saved_model

ARTIFACTS = [
    "config/resolved.yaml",
    "config/overrides.yaml",
    "checkpoints/last.ckpt",
    "logs/grads_log/part-000000.parquet",
]
YAML = [
    "",
    "7",
    "[1, {a: b}]",
    "a: &a [*a]",
    "? [a]\n: 1",
    "dataset: 7",
    "dataset: {}\ntracking: {}",
    "\t",
    "a: 2024-13-45",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[str, str, Path]:
    """A short run: its output folder, id and artifacts."""
    output_dir = tmp_path_factory.mktemp("fuzzed") / "outputs"
    output_dir.mkdir()
    shutil.copyfile(empty_database, output_dir / "mlflow.db")
    assert main(["train", *TINY, f"output_dir={output_dir}", "trainer.max_steps=4"]) == 0
    recorded = Store(output_dir).runs()[0]
    return str(output_dir), recorded.run_id, recorded.artifacts


def readers(run_id: str, output_dir: str) -> dict[str, Callable[[], object]]:
    """What reads a run."""
    tracking = TrackingConfig()
    return {
        "resume": lambda: saved_run(run_id, tracking, output_dir),
        "evaluate": lambda: saved_config(run_id, tracking, output_dir),
        "explain": lambda: TrainedModel(saved_model(run_id, tracking, output_dir)).explain("a text"),
        "log": lambda: load_log(run_id, output_dir=output_dir),
        "configuration": lambda: load_resolved_config(run_id, output_dir=output_dir),
    }


READERS = sorted(readers("", ""))


def run_ids() -> st.SearchStrategy[str]:
    return st.one_of(
        odd_text(),
        st.sampled_from(
            ["../..", "%", "' OR 1=1 --", "f" * 32, "x" * 100_000, "/etc/passwd", "a.ckpt", "~nobody/a.ckpt"]
        ),
    )


def is_refused_or_read(run: tuple[str, str, Path], data: st.DataObject) -> None:
    output_dir, run_id, artifacts = run
    reader = data.draw(st.sampled_from(READERS))
    if data.draw(st.integers(0, 2)) == 0:
        declared(readers(data.draw(run_ids()), output_dir)[reader], "run", "checkpoint")
        return
    name = data.draw(st.sampled_from(ARTIFACTS))
    path = artifacts / name
    before = path.read_bytes()
    foreign = st.one_of(st.sampled_from(YAML).map(str.encode), st.binary(max_size=50), st.just(json.dumps({}).encode()))
    content = data.draw(st.one_of(st.none(), damaged(before), foreign))
    try:
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        declared(readers(run_id, output_dir)[reader], str(path), run_id)
    finally:
        path.write_bytes(before)


@few
@given(data=st.data())
def test_runs(run: tuple[str, str, Path], data: st.DataObject) -> None:
    is_refused_or_read(run, data)


@many(1000)
@given(data=st.data())
def test_many_runs(run: tuple[str, str, Path], data: st.DataObject) -> None:
    is_refused_or_read(run, data)


@pytest.mark.parametrize("reader", READERS)
def test_the_run_that_is_damaged_can_be_read(run: tuple[str, str, Path], reader: str) -> None:
    readers(run[1], run[0])[reader]()


@pytest.mark.parametrize("command", ["evaluate", "explain"])
def test_a_damaged_checkpoint_ends_a_command(
    run: tuple[str, str, Path], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output_dir, run_id, artifacts = run
    path = artifacts / "checkpoints" / "last.ckpt"
    before = path.read_bytes()
    try:
        path.write_bytes(before[: len(before) // 2])
        assert main([command, run_id, *(["a text"] if command == "explain" else []), f"output_dir={output_dir}"]) == 2
    finally:
        path.write_bytes(before)
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    assert "no checkpoint of tokenlayer, or a damaged one" in errors
