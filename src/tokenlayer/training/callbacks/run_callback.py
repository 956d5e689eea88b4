"""What the callbacks of a run have in common."""

from __future__ import annotations

from collections.abc import Sequence

import pytorch_lightning as pl

from tokenlayer.escaping import harmless
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.module import TokenizationModule, TrainingStep


class RunCallback(pl.Callback):
    """A callback of a run.

    Args:
        run: where to record, the data, and the terminal.

    """

    def __init__(self, run: RunContext) -> None:
        self.run = run

    @property
    def recorder(self) -> Recorder:
        return self.run.recorder

    def before_commit(self) -> None:  # most callbacks have nothing to add
        """Write what should be part of the commit that is about to be made."""


def current_step(module: pl.LightningModule) -> TrainingStep:
    """The step in progress, of a module that is being trained."""
    step = as_module(module).current
    assert step is not None
    return step


def as_module(module: pl.LightningModule) -> TokenizationModule:
    """The module as what it is."""
    assert isinstance(module, TokenizationModule)
    return module


def visible(patterns: Sequence[str]) -> list[str]:
    """Patterns for a table in the browser, which swallows the spaces that a pattern begins or ends with: as `␣`."""
    return [harmless(pattern).replace(" ", "␣") for pattern in patterns]
