import pytest
import pytorch_lightning as pl
import torch
from tiny_training import STEPS_PER_EPOCH, Training

from tokenlayer.errors import InputError
from tokenlayer.tracking.reading import download_artifact
from tokenlayer.training.callbacks.checkpoints import CheckpointsConfig

SCORES = [0.2, 0.9, 0.5]


class Scores(pl.Callback):
    """Logs a score of each validation that goes up and down."""

    def on_validation_epoch_end(self, trainer, pl_module):
        pl_module.log("validation/score", SCORES[trainer.current_epoch])


def uploaded(training, fitted):
    """The checkpoints as MLflow has them."""
    return download_artifact(fitted.recorder.run_id, "checkpoints", output_dir=training.output_dir)


def steps(path):
    return torch.load(path, weights_only=True)["global_step"]


@pytest.mark.parametrize(("mode", "best"), [("max", 1), ("min", 0)])
def test_best_is_the_checkpoint_of_the_best_validation_and_last_the_latest(
    training: Training, mode: str, best: int
) -> None:
    training.trainer.max_epochs = 3
    fitted = training.fit(CheckpointsConfig(monitor="validation/score", mode=mode), more=[Scores()])
    folder = uploaded(training, fitted)
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "last.ckpt"}
    assert steps(folder / "best.ckpt") == (best + 1) * STEPS_PER_EPOCH
    assert steps(folder / "last.ckpt") == 3 * STEPS_PER_EPOCH
    (callback,) = fitted.callbacks
    assert callback.best_value == pytest.approx(SCORES[best])
    assert steps(callback.best.path) == (best + 1) * STEPS_PER_EPOCH
    assert torch.load(folder / "best.ckpt", weights_only=True)["tokenlayer"]["alphabet"]


def test_an_unknown_metric_is_refused_with_a_list_of_the_known_ones(training: Training) -> None:
    with pytest.raises(InputError, match=r"monitor=validation/acuracy: no such metric; .*validation/accuracy"):
        training.fit(CheckpointsConfig(monitor="validation/acuracy"))


def test_fewer_batches_than_checkpoints_wanted(training: Training) -> None:
    training.trainer.limit_train_batches = 3
    fitted = training.fit(CheckpointsConfig(per_epoch=5, keep="all"))
    names = {path.name for path in uploaded(training, fitted).iterdir()}
    assert names == {"best.ckpt", "last.ckpt", "step_00000002.ckpt", "step_00000003.ckpt"}


class Committed(pl.Callback):
    """The steps at which the run was committed with a checkpoint."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        self.steps.append(trainer.global_step)


@pytest.mark.parametrize(
    ("seconds_apart", "at"),
    [
        (0, [4, 7, 10, 13, 16, 17, 21, 24, 27, 30, 33, 34, 38, 41, 44, 47, 50, 51]),
        (1e6, [17, 34, 51]),  # the best of the validations so far: the second is, and the last is the end
    ],
)
def test_what_lies_soon_after_another_is_left_out_but_for_the_best_and_the_last(
    training: Training, seconds_apart: float, at: list[int]
) -> None:
    training.trainer.max_epochs = 3
    committed = Committed()
    settings = CheckpointsConfig(seconds_apart=seconds_apart, monitor="validation/score", mode="max")
    fitted = training.fit(settings, more=[Scores(), committed])
    assert committed.steps == at
    assert steps(uploaded(training, fitted) / "last.ckpt") == 3 * STEPS_PER_EPOCH


def test_a_validation_that_is_not_better_waits_unless_it_is_the_last(training: Training) -> None:
    training.trainer.max_epochs = 3
    committed = Committed()
    settings = CheckpointsConfig(seconds_apart=1e6, monitor="validation/score", mode="min")
    training.fit(settings, more=[Scores(), committed])
    assert committed.steps == [STEPS_PER_EPOCH, 3 * STEPS_PER_EPOCH]


def test_the_last_step_does_not_wait(training: Training) -> None:
    training.trainer.max_steps = 9
    committed = Committed()
    training.fit(CheckpointsConfig(seconds_apart=1e6), more=[committed])
    assert committed.steps == [9]
