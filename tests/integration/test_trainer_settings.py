"""Settings of length, rate and precision, through the real command."""

from collections.abc import Callable, Sequence
from math import cos, pi

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_runs import ORIGINAL, STEPS_PER_EPOCH, TINY, Recorded, Store, without

Train = Callable[..., Recorded]


def test_the_learning_rate_follows_its_schedule_and_is_logged(train: Train, store: Store) -> None:
    run = train("lr_scheduler=cosine", "optimizer.lr=0.01", "trainer.max_epochs=3")
    rates = dict(store.history(run.run_id, "train/learning_rate"))
    ends = [epoch * STEPS_PER_EPOCH - 1 for epoch in (1, 2, 3)]
    assert set(ends) <= rates.keys()
    expected = [0.01 * (1 + cos(pi * step / (3 * STEPS_PER_EPOCH))) / 2 for step in ends]
    assert [rates[step] for step in ends] == pytest.approx(expected)


def test_early_stopping_stops_and_the_best_is_tested(train: Train, store: Store) -> None:
    rule = "trainer.early_stopping={monitor: validation/loss, mode: min, patience: 1, min_delta: 1.0}"
    run = train(rule, "trainer.max_epochs=9")
    assert run.run.info.status == "FINISHED"
    assert len(store.history(run.run_id, "validation/loss")) == 2
    assert "test/accuracy" in run.run.data.metrics


def test_fewer_steps_than_an_epoch_still_test_and_write_everything(train: Train) -> None:
    run = train("trainer.max_steps=4", tiny=without("callbacks"))
    assert run.log("train_log")["step"].tolist() == [0, 1, 2, 3]
    assert len(pd.read_parquet(run.artifacts / "predictions" / "test.parquet")) == 30
    assert len(list((run.artifacts / "figures").iterdir())) == 6
    assert (run.artifacts / "patterns" / "step_000000.json").is_file()
    # No epoch was finished: what it ended with is validated, but there were no two checkpoints to choose from.
    assert "validation/accuracy" in run.run.data.metrics
    assert {path.name for path in (run.artifacts / "checkpoints").iterdir()} == {"last.ckpt"}
    last = torch.load(run.artifacts / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 4


@pytest.mark.parametrize(("settings", "column"), [(TINY, "embedding.weight_mean"), (ORIGINAL, "patterns_mean")])
def test_double_precision(train: Train, settings: Sequence[str], column: str) -> None:
    run = train("trainer.precision=64-true", "trainer.max_steps=3", tiny=settings)
    weights = torch.load(run.artifacts / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {value.dtype for name, value in weights.items() if name.startswith("model.")} == {torch.float64, torch.int64}
    values = run.log("vals_log")[column]
    assert values.dtype == np.float64
    assert (values != values.astype(np.float32)).any(), "sixteen digits, not the seven of single precision"


def test_rounding_of_double_precision(train: Train) -> None:
    """In batch norm's null column, the rounding shows."""
    run = train("trainer.precision=64-true", "trainer.max_steps=3", tiny=ORIGINAL)
    assert run.log("grads_log")["embedding_mean"].abs().max() < 1e-15
