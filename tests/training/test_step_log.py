"""The logs of every step, against what a callback sees that looks at each step by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
from tiny_training import STEPS_PER_EPOCH, Training

from tokenlayer.training.callbacks import step_log
from tokenlayer.training.callbacks.base import CallbackConfig, RunContext
from tokenlayer.training.callbacks.checkpoints import CheckpointsConfig
from tokenlayer.training.callbacks.grads_log import GradsLogConfig
from tokenlayer.training.callbacks.run_callback import as_module, current_step
from tokenlayer.training.callbacks.step_log import StepLog
from tokenlayer.training.callbacks.training_log import TrainingLogConfig
from tokenlayer.training.callbacks.vals_log import ValsLogConfig

LOGS = (
    TrainingLogConfig(metrics_every=5),
    GradsLogConfig(every=1, metrics_every=5),
    ValsLogConfig(every=1, metrics_every=5),
)


@dataclass
class Witness(pl.Callback):
    """Looks at every step as it is; stops the training in the midst of it, if it is told to."""

    fails_at: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        gradient = as_module(pl_module).model.embedding.weight.grad
        rate = optimizer.param_groups[0]["lr"]
        self.rows.append(
            {"rate": rate, "grad_mean": gradient.mean().item(), "grad_std": gradient.std(correction=0).item()}
        )

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        step, weight = current_step(pl_module), as_module(pl_module).model.embedding.weight.detach()
        seen = {**step.place, "loss": step.loss.item()}
        seen |= {"val_mean": weight.mean().item(), "val_std": weight.std(correction=0).item()}
        seen["tokenization_mean"] = step.output.tokens.dense().mean().item()
        self.rows[-1] |= seen
        if step.step == self.fails_at:
            raise RuntimeError("out of luck")


def check(train: pd.DataFrame, grads: pd.DataFrame, vals: pd.DataFrame, witness: Witness) -> None:
    seen = pd.DataFrame(witness.rows)
    for log in (train, grads, vals):
        pd.testing.assert_frame_equal(log[["step", "epoch", "batch"]], seen[["step", "epoch", "batch"]])
    assert train["loss"].tolist() == seen["loss"].tolist()
    for moment in ("mean", "std"):
        np.testing.assert_allclose(grads[f"embedding.weight_{moment}"], seen[f"grad_{moment}"], rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(vals[f"embedding.weight_{moment}"], seen[f"val_{moment}"], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(vals["tokenization_mean"], seen["tokenization_mean"], rtol=1e-5)


def logs(recorder) -> list[pd.DataFrame]:
    return [recorder.load_log(f"logs/{name}") for name in ("train_log", "grads_log", "vals_log")]


@pytest.mark.parametrize("numbers", [step_log._NUMBERS, 1], ids=["many steps together", "each step"])
def test_rows_made_together_are_those_of_each_step(training: Training, monkeypatch, numbers: int) -> None:
    """The gradient is clipped, in place, behind the hook, and the update changes the parameters: rows are of before."""
    monkeypatch.setattr(step_log, "_NUMBERS", numbers)
    witness = Witness()
    training.trainer = replace(training.trainer, max_epochs=2, gradient_clip_val=1e-3)
    fitted = training.fit(*LOGS, more=[witness])
    assert len(witness.rows) == 2 * STEPS_PER_EPOCH
    check(*logs(fitted.recorder), witness)
    history = fitted.recorder.load_metrics()
    rates = history[history["key"] == "train/learning_rate"].set_index("step")["value"]
    assert {0, 5, 10, 15, 20, 25, 30} <= set(rates.index)
    assert rates.tolist() == [witness.rows[step]["rate"] for step in rates.index]
    watched = history[history["key"] == "watch/gradients/embedding.weight_mean"]
    assert watched["step"].tolist() == [0, 5, 10, 15, 20, 25, 30]
    np.testing.assert_allclose(
        watched["value"], [witness.rows[step]["grad_mean"] for step in watched["step"]], rtol=1e-5
    )


@pytest.mark.parametrize(("every", "metrics_every", "metrics_at"), [(3, 5, [0, 6, 12, 15]), (5, 2, [0, 5, 10, 15])])
def test_rows_of_some_steps_are_those_of_each(
    training: Training, every: int, metrics_every: int, metrics_at: list[int]
) -> None:
    """The model is watched at no other step; a metric that has no row of its own step is of the next."""
    witness = Witness()
    attached: list[bool] = []

    class Watching(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            attached.append(any(part._forward_hooks for part in as_module(pl_module).model.modules()))

    strides = {"every": every, "metrics_every": metrics_every}
    logs_of_some = (TrainingLogConfig(), GradsLogConfig(**strides), ValsLogConfig(**strides))
    fitted = training.fit(*logs_of_some, more=[witness, Watching()])
    assert attached == [step % every == 0 for step in range(STEPS_PER_EPOCH)]
    train, grads, vals = logs(fitted.recorder)
    assert len(train) == STEPS_PER_EPOCH
    rows = train[train["step"] % every == 0].reset_index(drop=True)
    witness.rows = witness.rows[::every]
    check(rows, grads, vals, witness)
    history = fitted.recorder.load_metrics()
    assert history[history["key"] == "watch/values/embedding.weight_mean"]["step"].tolist() == metrics_at


def test_each_log_has_its_own_steps(training: Training) -> None:
    fitted = training.fit(TrainingLogConfig(), GradsLogConfig(every=4), ValsLogConfig(every=3))
    _, grads, vals = logs(fitted.recorder)
    assert grads["step"].tolist() == list(range(0, STEPS_PER_EPOCH, 4))
    assert vals["step"].tolist() == list(range(0, STEPS_PER_EPOCH, 3))


def test_the_rows_before_an_error_are_recorded(training: Training, output_dir: Path) -> None:
    witness = Witness(fails_at=7)
    with pytest.raises(RuntimeError, match="out of luck"):
        training.fit(*LOGS, more=[witness])
    names = ("train_log", "grads_log", "vals_log")
    parts = [sorted(output_dir.glob(f"runs/*/artifacts/logs/{name}/*.parquet")) for name in names]
    check(*(pd.concat(map(pd.read_parquet, each), ignore_index=True) for each in parts), witness)
    assert len(witness.rows) == 8


def test_a_commit_has_the_rows_of_all_steps_before_it(training: Training, output_dir: Path) -> None:
    seen: list[tuple[int, int]] = []

    class Commits(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            parts = output_dir.glob("runs/*/artifacts/logs/grads_log/*.parquet")
            seen.append((sum(len(pd.read_parquet(part)) for part in parts), trainer.global_step))

    training.fit(*LOGS, CheckpointsConfig(per_epoch=4, seconds_apart=0), more=[Commits()])
    first_seen = dict(reversed(seen))
    assert len(first_seen) == 4, "none, and three commits"
    assert all(rows == steps for rows, steps in first_seen.items())


class Moody(StepLog[int]):
    """Has a column more from a step on."""

    def __init__(self, run: RunContext, last: int, broken: int | None = None) -> None:
        super().__init__(run, "logs/moody")
        self.last, self.broken = last, broken

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        step = current_step(pl_module)
        self.keep(step, step.step)
        if step.step == self.broken:
            raise RuntimeError("out of luck")

    def kind(self, kept: int) -> bool:
        return kept <= self.last

    def columns(self, kept: Sequence[int]) -> dict[str, np.ndarray]:
        if self.broken is not None:
            raise MemoryError("out of memory")
        numbers = np.array(kept, dtype=float)
        return {"a": numbers} if self.kind(kept[0]) else {"a": numbers, "b": numbers}


@dataclass
class MoodyConfig(CallbackConfig):
    last: int = 100
    broken: int | None = None

    def build(self, run: RunContext) -> pl.Callback:
        return Moody(run, self.last, self.broken)


def test_a_row_with_other_columns_is_refused_and_those_before_it_are_recorded(
    training: Training, output_dir: Path
) -> None:
    with pytest.raises(
        ValueError, match=r"'logs/moody' has the columns \['a', 'batch', 'epoch', 'step'\], not \['a', 'b', "
    ):
        training.fit(MoodyConfig(last=4))
    (part,) = output_dir.glob("runs/*/artifacts/logs/moody/*.parquet")
    assert pd.read_parquet(part)["a"].tolist() == [0, 1, 2, 3, 4]


def test_rows_that_cannot_be_made_hide_no_error(training: Training, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RuntimeError, match="out of luck"):
        training.fit(MoodyConfig(broken=3))
    assert "logs/moody lacks the steps since the last commit: out of memory" in caplog.text
