"""Settings of the preview."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.preview_callback import Preview


@dataclass
class PreviewConfig(CallbackConfig):
    """The preview before training."""

    texts: int = 3
    """Training texts shown."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Values that cannot work."""
        if self.texts < 0:
            yield "texts", "must not be negative"

    def build(self, run: RunContext) -> Preview:
        from tokenlayer.training.callbacks.preview_callback import Preview

        return Preview(run, self.texts)
