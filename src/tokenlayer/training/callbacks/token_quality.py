"""Settings of the measures of the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.token_quality_callback import TokenQuality


@dataclass
class TokenQualityConfig(CallbackConfig):
    """The quality of the tokens."""

    texts: int = 2000
    """Validation texts, the first so many, that it is measured on."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.texts < 1:
            yield "texts", "must be at least 1"

    def build(self, run: RunContext) -> TokenQuality:
        from tokenlayer.training.callbacks.token_quality_callback import TokenQuality

        return TokenQuality(run, self.texts)
