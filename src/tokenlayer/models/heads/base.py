"""What a head is: it reads the embedded text and gives logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class HeadOutput:
    """What a head made of a batch."""

    logits: Tensor
    """(B, n_outputs)"""
    dense: Tensor | None
    """(B, hidden) of a hidden dense layer, if the head has one."""


class Head(nn.Module, ABC):
    """(B, L, D) embedded text → logits."""

    @abstractmethod
    def forward(self, embedded: Tensor) -> HeadOutput:
        """(B, L, D) to logits (B, n_outputs)."""

    @abstractmethod
    def logged_parameters(self) -> dict[str, Tensor]:
        """Those of `out_kernel`, `out_bias`, `dense_kernel`, `dense_bias` that the head has, by the seed's names."""


@dataclass
class HeadConfig(ABC):
    """Configuration of a head."""

    @abstractmethod
    def build(self, text_length: int, embedding_length: int, n_outputs: int) -> Head:
        """The head for embedded texts (B, text_length, embedding_length)."""
