"""A recurrent network whose elements have weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tokenlayer.models.readers.reader import Reader


class RecurrentReader(Reader):
    """A gated recurrent unit (Cho et al. 2014, as PyTorch has it) that takes the elements in the order of their places.

    An element of weight w moves the state h by w times what the unit would move it by: h' = h + w · (unit(x, h) - h).
    The last state, of which dropout leaves a part, is the result. Of places nothing but their order is heeded.

    Args:
        width: D, of the vectors and of the state.
        dropout: share of the last state's numbers that are zeroed in training.

    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.inputs = nn.Linear(width, 3 * width)
        self.state = nn.Linear(width, 3 * width)
        self.dropout = nn.Dropout(dropout)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width))

    def forward(self, x: Tensor, position: Tensor, weight: Tensor) -> Tensor:
        order = position.argsort(dim=1, stable=True)
        D = x.shape[2]
        of_input = self.inputs(x).gather(1, order.unsqueeze(2).expand(-1, -1, 3 * D))
        h = x.new_zeros(len(x), D)
        for each, w in zip(of_input.unbind(1), weight.gather(1, order).unsqueeze(2).unbind(1), strict=True):
            of_state = self.state(h)
            reset, update = (each[:, : 2 * D] + of_state[:, : 2 * D]).sigmoid().chunk(2, 1)
            new = torch.tanh(each[:, 2 * D :] + reset * of_state[:, 2 * D :])
            h = h + w * (1 - update) * (new - h)
        last: Tensor = self.dropout(h)
        return last
