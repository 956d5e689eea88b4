"""Settings of the history of the tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.token_history_callback import TokenHistory


@dataclass
class TokenHistoryConfig(CallbackConfig):
    """The lives of the tokens, at the end of a run."""

    def build(self, run: RunContext) -> TokenHistory:
        from tokenlayer.training.callbacks.token_history_callback import TokenHistory

        return TokenHistory(run)
