"""The share of the planted patterns that have become tokens, on generated texts."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytorch_lightning as pl

from tokenlayer.data.types import GroundTruth
from tokenlayer.layer.vocabulary import BLANK_SIGN
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module


def share_found(planted: Collection[str], tokens: Iterable[str]) -> float:
    """The share of the planted patterns that are a token.

    Args:
        planted: character patterns.
        tokens: decoded patterns of the layer; blanks before and behind their characters count for nothing.

    """
    return len(set(planted) & {token.strip(BLANK_SIGN) for token in tokens}) / len(set(planted))


class PlantedFound(RunCallback):
    """Metrics `planted/found` and, where there are any, `planted/distractors`.

    Shares of the classes' patterns and of the distractors that are tokens, after each validation and of what is tested.
    The terminal has a line for each validation.
    """

    def __init__(self, run: RunContext, truth: GroundTruth) -> None:
        super().__init__(run)
        self._of_classes = [pattern for patterns in truth.patterns.values() for pattern in patterns]
        self._distractors = truth.distractors

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            share = self._log(trainer, pl_module)
            n = len(set(self._of_classes))
            self.run.console.print(f"  {round(share * n)} of {n} planted patterns are tokens", highlight=False)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._log(trainer, pl_module)

    def _log(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> float:
        vocabulary = as_module(pl_module).model.tokenization.vocabulary()
        decoded = zip(vocabulary.decode(self.run.dataset.alphabet), vocabulary.can_match.tolist(), strict=True)
        tokens = [pattern for pattern, can_match in decoded if can_match]
        shares = {"planted/found": share_found(self._of_classes, tokens)}
        if self._distractors:
            shares["planted/distractors"] = share_found(self._distractors, tokens)
        self.recorder.log_metrics(shares, max(trainer.global_step - 1, 0))
        return shares["planted/found"]
