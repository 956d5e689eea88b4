"""Settings of the report of what tokens do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.token_effects_callback import TokenEffectsReport


@dataclass
class TokenEffectsConfig(CallbackConfig):
    """The tokens that matter."""

    shown: int = 10
    """Tokens shown in the terminal."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.shown < 0:
            yield "shown", "must not be negative"

    def build(self, run: RunContext) -> TokenEffectsReport:
        from tokenlayer.training.callbacks.token_effects_callback import TokenEffectsReport

        return TokenEffectsReport(run, self.shown)
