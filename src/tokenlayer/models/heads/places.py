"""The place of a token in the text, as numbers that a network can use."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_OCTAVES = 8

N_WAVES = 2 * _OCTAVES


def waves(position: Tensor, text_length: int, dtype: torch.dtype) -> Tensor:
    """Sines and cosines of places in the text, of 2 lengths of it, 1, ½, …: (…, N_WAVES).

    Args:
        position: (…) characters before the place, 0..L-1.
        text_length: L.
        dtype: of the result.

    """
    place = position.to(dtype) / text_length
    octaves = torch.arange(_OCTAVES, dtype=dtype, device=place.device)
    angle = place.unsqueeze(-1) * (math.pi * 2**octaves)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
