"""What a learning rule remembers is in the checkpoint: a stopped run goes on as the unbroken one, bit for bit."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny_runs import STEPS_PER_EPOCH, Recorded, Store, without

from tokenlayer.cli.main import main

EPOCHS = 3
STOPPED_AT = STEPS_PER_EPOCH + 6  # between two edits
RULES = {
    "graft": ("learning_rule.edit_until=0.8", "learning_rule.edit_interval=0.5", "model.head.pooling=sum"),
    "grow": ("learning_rule.memory_mb=1", "learning_rule.kept_texts=64", "learning_rule.edit_interval=0.3"),
    "random_regrow": ("learning_rule.edit_interval=0.3",),
}


def arguments(rule: str, store: Store) -> list[str]:
    return [
        *without("learning_rule"),
        f"learning_rule={rule}",
        "learning_rule.ngram_lengths=[2,3,4]",
        *RULES[rule],
        f"trainer.max_epochs={EPOCHS}",
        f"output_dir={store.output_dir}",
    ]


@pytest.mark.parametrize("rule", RULES)
def test_stopped_between_edits_it_edits_as_the_unbroken_run(
    rule: str, store: Store, tmp_path: Path, empty_database: Path
) -> None:
    whole = Store(tmp_path / "whole")
    whole.output_dir.mkdir()
    shutil.copyfile(empty_database, whole.output_dir / "mlflow.db")
    assert main(["train", *arguments(rule, whole)]) == 0
    (unbroken,) = whole.runs()

    stop = f"+callbacks.stop_at={{_target_: stop_at.StopAtConfig, step: {STOPPED_AT}, signal_name: SIGTERM}}"
    assert main(["train", *arguments(rule, store), stop, "allow_targets=[stop_at]"]) == 130
    (stopped,) = store.runs()
    assert 0 < len(edits(stopped)) < len(edits(unbroken))
    resume = ["train", f"resume={stopped.run_id}", f"output_dir={store.output_dir}", "callbacks.stop_at=null"]
    assert main(resume) == 0
    (resumed,) = store.runs()
    pd.testing.assert_frame_equal(edits(resumed), edits(unbroken))
    ours, theirs = (state(run) for run in (resumed, unbroken))
    assert set(ours) == set(theirs)
    assert any(name.startswith("rule.") for name in theirs)
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name


def edits(run: Recorded) -> pd.DataFrame:
    return run.log("edits")


def state(run: Recorded) -> dict[str, torch.Tensor]:
    """Weights, vocabulary, what the rule remembers, and the optimizer's moments."""
    saved = torch.load(run.artifacts / "checkpoints" / "last.ckpt", weights_only=True)
    moments = {
        f"moment {index} {name}": value
        for index, values in saved["optimizer_states"][0]["state"].items()
        for name, value in values.items()
        if isinstance(value, torch.Tensor)
    }
    weights = {name: value for name, value in saved["state_dict"].items() if isinstance(value, torch.Tensor)}
    return weights | moments
