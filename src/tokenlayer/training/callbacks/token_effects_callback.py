"""The tokens that matter: the change of the logit when a token's matches are removed, mean over the test texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
from rich.table import Table
from rich.text import Text

from tokenlayer.escaping import harmless
from tokenlayer.models.effects import EffectMeter, TokenEffects
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module, is_blank, visible


class TokenEffectsReport(RunCallback):
    """`tokens/effects.json`, a table that opens in MLflow's UI; the top tokens in the terminal."""

    def __init__(self, run: RunContext, shown: int) -> None:
        super().__init__(run)
        self.shown = shown
        self._meter: EffectMeter | None = None

    def on_test_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._meter = EffectMeter(as_module(pl_module).model)

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert self._meter is not None
        self._meter.update(batch.codes)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert self._meter is not None
        patterns = as_module(pl_module).model.tokenization.vocabulary().decode(self.run.dataset.alphabet)
        frame = effects_frame(self._meter.compute(), patterns, self.run.dataset.class_names)
        self._meter = None
        table = frame[[not is_blank(pattern) for pattern in frame["pattern"]]]
        self.recorder.table("tokens/effects.json", table.assign(pattern=visible(table["pattern"].tolist())))
        if self.shown:
            self.run.console.print(effects_table(frame, self.shown))


def effects_frame(effects: TokenEffects, patterns: list[str], class_names: tuple[str, ...]) -> pd.DataFrame:
    """One row a token, the largest effect first.

    `effect` is the mean change of the logit that the token causes, `towards` the class that it speaks for. With several
    classes it is the change of that class's logit against the mean of all: what moves them all alike moves nothing.
    """
    change = effects.effect.cpu().numpy()
    if change.shape[1] == 1:
        effect = change[:, 0]
        towards = np.where(effect > 0, class_names[1], class_names[0])
    else:
        relative = change - change.mean(1, keepdims=True)
        effect = relative.max(1)
        towards = np.array(class_names)[relative.argmax(1)]
    frame = pd.DataFrame(
        {
            "pattern": patterns,
            "effect": effect,
            "towards": np.where(effect == 0, "", towards),
            "texts": effects.texts.cpu().numpy(),
            "matches": effects.matches.cpu().numpy(),
        }
    )
    return frame.sort_values("effect", key=np.abs, ascending=False, kind="stable", ignore_index=True)


def effects_table(frame: pd.DataFrame, shown: int) -> Table:
    """The top tokens, for the terminal."""
    table = Table(box=None, padding=(0, 1), title="Tokens that matter most", title_justify="left")
    for heading in ("token", "effect on the logit", "towards", "test texts with it"):
        table.add_column(heading, justify="left" if heading in ("token", "towards") else "right", no_wrap=True)
    for row in frame.head(shown).itertuples():
        token = Text(f'"{harmless(str(row.pattern).rstrip("█"))}"')
        table.add_row(token, f"{row.effect:+.4f}", Text(harmless(str(row.towards))), str(row.texts))
    return table
