"""What the callbacks of a run have in common."""

from __future__ import annotations

from collections.abc import Sequence

import pytorch_lightning as pl

from tokenlayer.escaping import harmless
from tokenlayer.layer.vocabulary import BLANK_SIGN
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.module import TokenizationModule, TrainingStep

_OF_EACH_BATCH = (
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    *(f"on_{phase}_batch_{end}" for phase in ("train", "validation", "test") for end in ("start", "end")),
)


class RunCallback(pl.Callback):
    """A callback of a run.

    Args:
        run: where to record, the data, and the terminal.

    """

    def __init__(self, run: RunContext) -> None:
        self.run = run
        for hook in _OF_EACH_BATCH:
            # Lightning passes over a hook that cannot be called, and takes longer over one than an empty one does: of
            # a dozen callbacks, a fiftieth of a training's time.
            if getattr(type(self), hook) is getattr(pl.Callback, hook):
                setattr(self, hook, None)

    @property
    def recorder(self) -> Recorder:
        return self.run.recorder

    def before_training(self) -> None:  # most callbacks know nothing yet
        """Write what is known before the first step: a run that is killed soon after is known by it."""

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


def is_blank(pattern: str) -> bool:
    """True for a pattern that accepts anything: the place of a token that there is not."""
    return not pattern.strip(BLANK_SIGN)


def visible(patterns: Sequence[str]) -> list[str]:
    """Patterns for a table in the browser, which swallows the spaces that a pattern begins or ends with: as `␣`.

    The blanks behind a pattern's characters, which fill it up to the longest, are left out.
    """
    return [harmless(pattern.rstrip(BLANK_SIGN) or pattern).replace(" ", "␣") for pattern in patterns]
