"""A matcher decides which occurrences of its tokens a layer counts: every one, or those of a segmentation."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from tokenlayer.layer.matching import Matches, PatternIndex


class Matcher(nn.Module, ABC):
    """Finds the matches of a fixed vocabulary. What it has learned beside the vocabulary is in its state."""

    @abstractmethod
    def forward(self, codes: Tensor, index: PatternIndex) -> Matches:
        """The matches in `codes` (B, L), ordered by text, position, token."""


class EveryMatch(Matcher):
    """Counts each place where a token stands, overlapping others or not."""

    def forward(self, codes: Tensor, index: PatternIndex) -> Matches:
        return index.match(codes)
