"""What a classifier makes of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from tokenlayer.layer.tokenized import Tokenized


@dataclass(frozen=True)
class ModelOutput:
    """Logits for B texts, and the stages that lead to them."""

    logits: Tensor
    """(B, n_outputs)"""
    embedded: Tensor
    """What the token gradient is the gradient of, (B, P, D) or (B, D): see `HeadOutput.embedded`."""
    hidden: Tensor | None
    """(B, hidden), None where the head has no hidden dense layer."""
    tokens: Tokenized
    """The matches."""

    @cached_property
    def probabilities(self) -> Tensor:
        """(B,) probability of class 1 where there is one output, else (B, n_classes)."""
        return self.logits.squeeze(1).sigmoid() if self.logits.shape[1] == 1 else self.logits.softmax(1)
