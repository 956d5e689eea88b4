from collections import Counter
from dataclasses import dataclass, field

import pytorch_lightning as pl
from tiny_training import STEPS_PER_EPOCH, Training

from tokenlayer.training.callbacks import run_callback
from tokenlayer.training.callbacks.base import CallbackConfig, RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback


class Counting(RunCallback):
    """Has one hook of each batch, and one of each epoch."""

    def __init__(self, run: RunContext, calls: Counter[str]) -> None:
        super().__init__(run)
        self.calls = calls

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.calls["on_train_batch_end"] += 1

    def on_train_epoch_end(self, trainer, pl_module):
        self.calls["on_train_epoch_end"] += 1


@dataclass
class CountingConfig(CallbackConfig):
    calls: Counter[str] = field(default_factory=Counter)

    def build(self, run: RunContext) -> pl.Callback:
        return Counting(run, self.calls)


def test_hooks_of_each_batch_that_a_callback_does_not_have_are_passed_over(training: Training) -> None:
    config = CountingConfig()
    asked: list[str] = []

    class Witness(pl.Callback):
        def on_fit_end(self, trainer, pl_module):
            (callback,) = (each for each in trainer.callbacks if isinstance(each, Counting))
            asked.extend(hook for hook in run_callback._OF_EACH_BATCH if callable(getattr(callback, hook)))

    training.fit(config, more=[Witness()], test=True)
    assert asked == ["on_train_batch_end"]
    assert config.calls == {"on_train_batch_end": STEPS_PER_EPOCH, "on_train_epoch_end": 1}
