"""The class that a token's vector speaks for, whatever the head: a linear reading of it.

The gradient of the logits with respect to `HeadOutput.embedded` says what one more match adds to each logit. With a
pooled linear head that is the head's weight; elsewhere it is the mean over texts and places. (`models.effects` measures
by re-evaluation what a token that is there does.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from tokenlayer.models.network import TokenizationClassifier


def logit_gradients(model: TokenizationClassifier, codes: Tensor) -> Tensor:
    """(n_outputs, D): the gradient of each logit with respect to `embedded`, mean over texts and places.

    Leaves the model as it is: evaluated without noise, statistics and gradients untouched.

    Args:
        model: on the device of `codes`.
        codes: (B, L).

    """
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            head = model.head.probe(model.tokenization(codes.clone()), model.embedding)
            gradients = [
                torch.autograd.grad(logit.sum(), head.embedded, retain_graph=True)[0] for logit in head.logits.T
            ]
    finally:
        model.train(was_training)
    return torch.stack([gradient.flatten(0, -2).mean(0) for gradient in gradients])


def class_weights(vectors: Tensor, directions: Tensor) -> Tensor:
    """What each vector adds to each logit, against the others: what moves all of them alike moves nothing.

    Of two classes it is one number, positive for class 1, negative for class 0: what the logit, or the difference of
    both, gains. Of more it is (…, n_outputs): each against the mean of all.

    Args:
        vectors: (…, D).
        directions: (n_outputs, D).

    """
    change = vectors @ directions.T.to(vectors)
    if change.shape[-1] == 1:
        return change
    return change[..., 1:] - change[..., :1] if change.shape[-1] == 2 else change - change.mean(-1, keepdim=True)


def top_class(weights: Tensor) -> tuple[Tensor, Tensor]:
    """The weight that counts, and the class that it speaks for: (…,) and (…,) int64.

    Args:
        weights: of `class_weights`; of two classes the weight itself, signed, of more the largest.

    """
    if weights.shape[-1] == 1:
        single = weights.squeeze(-1)
        return single, (single > 0).long()
    largest = weights.max(-1)
    return largest.values, largest.indices
