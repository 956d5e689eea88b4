"""Settings of the linear head, which pools the vectors of a text's tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tokenlayer.models.heads.base import HeadConfig

if TYPE_CHECKING:
    from tokenlayer.models.heads.pool_head import PoolHead


Pooling = Literal["presence", "sum", "mean", "max", "log_count"]


@dataclass
class PoolHeadConfig(HeadConfig):
    """Pool, linear."""

    pooling: Pooling = "presence"
    """The way the tokens of a text are pooled: presence (each token once), sum (each match), mean, max, log_count
    (each token by the logarithm of 1 + its matches, all of them divided by their Euclidean norm)."""

    def build(self, vocab_size: int, text_length: int, embedding_dim: int, n_outputs: int) -> PoolHead:
        from tokenlayer.models.heads.pool_head import PoolHead

        return PoolHead(embedding_dim, n_outputs, self.pooling)
