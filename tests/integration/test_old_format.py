"""What tokenlayer 0.1 has recorded is read, and refused where this version cannot use it."""

import shutil
from pathlib import Path

import pytest
import torch
from tiny_runs import QUIET, Recorded, Store

from tokenlayer.cli.main import main
from tokenlayer.tracking.format import FORMAT_TAG
from tokenlayer.tracking.reading import find_runs, load_log

SMALL = (
    "dataset.n_texts=100",
    "learning_rule=frozen",
    "model.vocab_size=30",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    *QUIET,
)
ADVICE = "was recorded by tokenlayer 0.1 (format 1): use version 0.1.x for it, e.g. pip install 'tokenlayer<0.2'"


def forget_format(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    del content["tokenlayer"]["format"]
    torch.save(content, checkpoint)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[Store, Recorded]:
    """A run as version 0.1 recorded it: neither its tags nor its checkpoints note a format."""
    store = Store(tmp_path_factory.mktemp("old"))
    shutil.copyfile(empty_database, store.output_dir / "mlflow.db")
    assert main(["train", *SMALL, f"output_dir={store.output_dir}"]) == 0
    (run,) = store.runs()
    assert run.run.data.tags[FORMAT_TAG] == "2"
    store.client.delete_tag(run.run_id, FORMAT_TAG)
    for checkpoint in run.artifacts.rglob("*.ckpt"):
        forget_format(checkpoint)
    return store, run


def test_it_is_listed_and_its_logs_are_read(old: tuple[Store, Recorded]) -> None:
    store, run = old
    assert run.run_id in find_runs(output_dir=store.output_dir)["run_id"].tolist()
    assert len(load_log(run.run_id, "train_log", output_dir=store.output_dir))


@pytest.mark.parametrize("command", ["evaluate", "explain", "resume"])
def test_a_run_is_refused(command: str, old: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str]) -> None:
    store, run = old
    lines = {
        "evaluate": ["evaluate", run.run_id],
        "explain": ["explain", run.run_id, "a text"],
        "resume": ["train", f"resume={run.run_id}"],
    }
    assert main([*lines[command], f"output_dir={store.output_dir}"]) == 2
    told = capsys.readouterr().err
    assert f"run {run.run_id} {ADVICE}" in told
    assert "Traceback" not in told


def test_other_problems_are_reported_beside_it(old: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str]) -> None:
    store, run = old
    place = f"output_dir={store.output_dir}"
    assert main(["train", f"resume={run.run_id}", "initializer=gaussian", place]) == 2
    told = capsys.readouterr().err
    assert f"resume: run {run.run_id} {ADVICE}" in told
    assert "initializer=gaussian: is now called initializer=original_gaussian" in told


@pytest.mark.parametrize("command", ["evaluate", "explain"])
def test_a_bare_checkpoint_is_refused(
    command: str, old: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str]
) -> None:
    store, run = old
    checkpoint = next(run.artifacts.rglob("*.ckpt"))
    text = ["a text"] if command == "explain" else []
    assert main([command, str(checkpoint), *text, f"output_dir={store.output_dir}"]) == 2
    assert f"{checkpoint} {ADVICE}" in capsys.readouterr().err
