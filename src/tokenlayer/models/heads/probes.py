"""The places of a text that are probed: one in each of its parts."""

from __future__ import annotations

import torch
from torch import Tensor


def probe_positions(codes: Tensor, none_code: int, n_parts: int, *, drawn: bool) -> Tensor:
    """A place in each of P equal parts of the L positions: (B, P) int64, ascending but for parts behind a text's end.

    Position t is in part t · P // L. A part that reaches beyond the end of a text has its place before it; one that
    lies behind the end has it anywhere in the text, so that the mean over the parts is about that over the text.

    Args:
        codes: (B, L), padded with `none_code`; L ≥ P.
        none_code: C.
        n_parts: P.
        drawn: uniformly, from torch's global generator; otherwise the middle.

    """
    B, L = codes.shape
    ends = torch.where(codes != none_code, torch.arange(1, L + 1, device=codes.device), 0).amax(1, keepdim=True)
    ends = ends.clamp(min=1)  # a text without any character may be probed at its first place
    bounds = (torch.arange(n_parts + 1, device=codes.device) * L + n_parts - 1).div(n_parts, rounding_mode="floor")
    is_behind = bounds[:-1] >= ends  # (B, P)
    begins = torch.where(is_behind, 0, bounds[:-1])
    sizes = torch.where(is_behind, ends, torch.minimum(bounds[1:], ends)) - begins
    share = torch.rand(B, n_parts, device=codes.device) if drawn else torch.full_like(sizes, 0.5, dtype=torch.float32)
    return begins + (share * sizes).long()
