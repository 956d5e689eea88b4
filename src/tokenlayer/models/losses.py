"""The loss of a classifier, from its logits."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of logits (B, n_outputs) and integer labels (B,), each text's times its weight (B,), if any.

    One output is the logit of class 1 of two; several are the logits of as many classes.
    """
    if weights is not None:
        weights = weights.to(logits.dtype)
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype), weights)
    if weights is None:
        return F.cross_entropy(logits, labels.long())
    return (F.cross_entropy(logits, labels.long(), reduction="none") * weights).mean()
