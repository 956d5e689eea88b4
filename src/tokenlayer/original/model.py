"""Settings of the original's network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokenlayer.models.classifier import ModelConfig

if TYPE_CHECKING:
    from tokenlayer.original.network import OriginalClassifier


@dataclass
class OriginalModelConfig(ModelConfig):
    """The original's model; with another head or rule, what of it remains is its loss."""

    embedding_dim: int | None = 1
    """D, the length of a token's vector; null: the number of outputs."""
    embedding_l2: float | None = field(default=0.0, kw_only=True)
    """Ridge penalty on what a text's tokens add to the logits; the original has none."""

    def network(self) -> type[OriginalClassifier]:
        from tokenlayer.original.network import OriginalClassifier

        return OriginalClassifier
