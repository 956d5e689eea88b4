import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers.logger import DummyLogger
from torch.utils.data import DataLoader

from tokenlayer import interrupts
from tokenlayer.interrupts import Interrupted
from tokenlayer.training.trainer import EarlyStoppingConfig, TrainerConfig


class Line(pl.LightningModule):
    """One weight, on the batches 0, 1, 2 … of one number each."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.seen = []

    def training_step(self, batch):
        self.seen.append(int(batch))
        return (self.weight * batch).mean()

    def validation_step(self, batch):
        self.log("validation/loss", 1.0, batch_size=1)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class StopAtTheEndOfTheBatch(pl.Callback):
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        interrupts.raise_if_requested()


def batches(n):
    return DataLoader(torch.arange(n, dtype=torch.float32), batch_size=1)


def fit(config, run_dir, n=4, callbacks=(), model=None):
    model = model or Line()
    trainer = config.build(callbacks, DummyLogger(), run_dir)
    trainer.fit(model, batches(n), batches(2))
    return model, trainer


def test_trains_for_the_steps_and_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, trainer = fit(TrainerConfig(accelerator="cpu", max_epochs=-1, max_steps=6), tmp_path / "run")
    assert model.seen == [0, 1, 2, 3, 0, 1]
    assert trainer.global_step == 6
    assert list(tmp_path.iterdir()) == []


def test_stops_early(tmp_path):
    rule = EarlyStoppingConfig(monitor="validation/loss", patience=2)
    config = TrainerConfig(accelerator="cpu", max_epochs=50, early_stopping=rule)
    _, trainer = fit(config, tmp_path)
    assert trainer.current_epoch == 3
    assert sum(isinstance(callback, EarlyStopping) for callback in trainer.callbacks) == 1


def test_checkpoints_are_the_business_of_the_callbacks(tmp_path):
    config = TrainerConfig(accelerator="cpu", max_epochs=1)
    assert config.build([], DummyLogger(), tmp_path).checkpoint_callbacks == []
    own = ModelCheckpoint(tmp_path)
    assert config.build([own], DummyLogger(), tmp_path).checkpoint_callbacks == [own]


def test_threads(tmp_path):
    before = torch.get_num_threads()
    try:
        TrainerConfig(accelerator="cpu", threads=1).build([], DummyLogger(), tmp_path)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("number", [interrupts.signal.SIGINT, interrupts.signal.SIGTERM])
def test_a_signal_ends_the_training_after_its_batch(tmp_path, number):
    class Signalled(Line):
        def training_step(self, batch):
            if int(batch) == 2:
                interrupts.signal.raise_signal(number)
            return super().training_step(batch)

    model = Signalled()
    with pytest.raises(Interrupted), interrupts.handled(), interrupts.deferred():
        fit(
            TrainerConfig(accelerator="cpu", max_epochs=10),
            tmp_path,
            callbacks=[StopAtTheEndOfTheBatch()],
            model=model,
        )
    assert model.seen == [0, 1, 2]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"devices": 0}, "devices"),
        ({"max_epochs": -1}, "max_epochs"),
        ({"max_epochs": 0}, "max_epochs"),
        ({"max_steps": -2}, "max_steps"),
        ({"max_steps": 0}, "max_steps"),
        ({"limit_train_batches": 0}, "limit_train_batches"),
        ({"limit_train_batches": 0.0}, "limit_train_batches"),
        ({"threads": 0}, "threads"),
        ({"limit_train_batches": 1.5}, "limit_train_batches"),
        ({"limit_val_batches": -1}, "limit_val_batches"),
        ({"val_check_interval": 0}, "val_check_interval"),
    ],
)
def test_values_that_cannot_be_meant(settings, field):
    assert [name for name, _ in TrainerConfig(**settings).problems()] == [field]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"val_check_interval": 18}, "val_check_interval"),
        ({"val_check_interval": 5, "limit_train_batches": 4}, "val_check_interval"),
        ({"val_check_interval": 9, "limit_train_batches": 0.5}, "val_check_interval"),
        ({"limit_train_batches": 0.05}, "limit_train_batches"),
        ({"limit_val_batches": 0.2}, "limit_val_batches"),
        ({"limit_test_batches": 0.1}, "limit_test_batches"),
    ],
)
def test_values_that_do_not_fit_the_data(settings, field):
    assert [name for name, _ in TrainerConfig(**settings).batch_problems(17, 4, 9)] == [field]


@pytest.mark.parametrize(
    "settings",
    [
        {"val_check_interval": 17},
        {"val_check_interval": 18, "limit_val_batches": 0},
        {"val_check_interval": 0.01},
        {"limit_train_batches": 0.06, "limit_val_batches": 0.0, "limit_test_batches": 1000},
    ],
)
def test_values_that_fit_the_data(settings):
    assert list(TrainerConfig(**settings).batch_problems(17, 4, 9)) == []


def test_gpu_must_be_there():
    found = [name for name, _ in TrainerConfig(accelerator="gpu").problems()]
    assert found == ([] if torch.cuda.is_available() else ["accelerator"])


def test_early_stopping_values():
    rule = EarlyStoppingConfig(patience=0, min_delta=-1.0)
    assert [name for name, _ in rule.problems()] == ["patience", "min_delta"]
