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

    Texts are taken by their lengths: a step has those alone that are not over yet, and padding costs nothing.

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
        element, text, sizes = _by_step(position, weight)
        D = x.shape[2]
        of_input = torch.split(self.inputs(x.flatten(0, 1).index_select(0, element)), sizes)
        weights = torch.split(weight.flatten()[element].unsqueeze(1), sizes)
        h, over = x.new_zeros(len(x), D), []
        for each, w in zip(of_input, weights, strict=True):
            over.append(h[len(each) :])
            h = h[: len(each)]
            of_state = self.state(h)
            reset, update = (each[:, : 2 * D] + of_state[:, : 2 * D]).sigmoid().chunk(2, 1)
            new = torch.tanh(each[:, 2 * D :] + reset * of_state[:, 2 * D :])
            h = h + w * (1 - update) * (new - h)
        last: Tensor = self.dropout(torch.cat([h, *reversed(over)])[text.argsort()])
        return last


def _by_step(position: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """The elements that are there, step after step, given places and weights (B, S) of all.

    Returns:
        element (E,): flat indices of the first elements of all texts, the longest text first, then of their second …;
        text (B,): the texts in that order; and how many elements each step has.

    """
    there = weight > 0
    counts, text = there.sum(1).sort(descending=True, stable=True)
    behind = position.masked_fill(~there, torch.iinfo(position.dtype).max)
    order = behind.argsort(dim=1, stable=True)[text]
    is_there = torch.arange(weight.shape[1], device=weight.device) < counts.unsqueeze(1)
    step, row = is_there.T.nonzero(as_tuple=True)
    sizes = [size for size in is_there.sum(0).tolist() if size]
    return text[row] * weight.shape[1] + order[row, step], text, sizes
