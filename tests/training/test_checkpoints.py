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
    assert steps(callback.best_path) == (best + 1) * STEPS_PER_EPOCH
    assert torch.load(folder / "best.ckpt", weights_only=True)["tokenlayer"]["alphabet"]


def test_an_unknown_metric_is_refused_with_a_list_of_the_known_ones(training: Training) -> None:
    with pytest.raises(InputError, match=r"monitor=validation/acuracy: no such metric; .*validation/accuracy"):
        training.fit(CheckpointsConfig(monitor="validation/acuracy"))


def test_fewer_batches_than_checkpoints_wanted(training: Training) -> None:
    training.trainer.limit_train_batches = 3
    fitted = training.fit(CheckpointsConfig(per_epoch=5, keep="all"))
    names = {path.name for path in uploaded(training, fitted).iterdir()}
    assert names == {"best.ckpt", "last.ckpt", "step_00000002.ckpt", "step_00000003.ckpt"}
