"""What a reader is: it makes one vector of the elements of a sequence, each of which has a weight."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Reader(nn.Module, ABC):
    """The elements of B sequences → one vector for each sequence.

    The weight of an element says how much of it there is: 1 for one that is there, 0 for padding, which leaves the
    result as it is without it, and little for a probe, whose effect is proportional to it.
    """

    @abstractmethod
    def forward(self, x: Tensor, position: Tensor, weight: Tensor) -> Tensor:
        """One vector (B, D) for each text.

        Args:
            x: (B, S, D) the elements' vectors, in any order.
            position: (B, S) int64, 0..L-1: where in the text each begins. Of those at the same place, the first in `x`
                comes first.
            weight: (B, S) of each element, 0 to 1; at least one of a text is 1.

        """

    def centred_modules(self) -> tuple[nn.Module, ...]:
        """As `Head.centred_modules`."""
        return ()

    def centres_elements(self) -> bool:
        """True if the gradient of each element's vector sums to zero, as that of what a layer normalisation reads."""
        return False
