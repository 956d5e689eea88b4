"""What the original's initializers have in common: they make real-valued patterns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.vocabularies.base import InitializerConfig, InitializerContext

if TYPE_CHECKING:
    from torch import Tensor

    from tokenlayer.layer.base import TokenLayer
    from tokenlayer.layer.vocabulary import Vocabulary


@dataclass
class OriginalInitializerConfig(InitializerConfig):
    """Configuration of an initializer whose patterns the original's layer takes over as they are."""

    @abstractmethod
    def patterns(self, context: InitializerContext) -> Tensor:
        """Patterns of shape (C, K, N)."""

    def build(self, context: InitializerContext) -> Vocabulary:
        """The tokens that the patterns stand for, for layers that hold no real values."""
        return _vocabulary(self.patterns(context))

    def fill(self, make_layer: Callable[[], TokenLayer], context: InitializerContext) -> TokenLayer:
        """Give the original's layer the patterns themselves, any other their tokens."""
        from tokenlayer.original.layer import TokenizationLayer

        patterns = self.patterns(context)
        layer = make_layer()
        if isinstance(layer, TokenizationLayer):
            layer.set_patterns(patterns)
        else:
            layer.set_vocabulary(_vocabulary(patterns))
        return layer


def _vocabulary(patterns: Tensor) -> Vocabulary:
    from tokenlayer.layer.vocabulary import Vocabulary
    from tokenlayer.original.patterns import discretise

    return Vocabulary(discretise(patterns).codes)
