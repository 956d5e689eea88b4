"""A trained classifier as a network of plain tensor operations, without the matching's data-dependent shapes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tokenlayer.errors import InputError
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.layer.token_counts import TokenCounts
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.heads.pool_head import PoolHead


class DenseClassifier(nn.Module):
    """From codes (B, W) int64, W ≥ K, to probabilities (B, n_classes).

    Codes are 0..C, and C, for no character, behind the end of a text: K of them at least, or as many as make L.
    """

    embedding: Tensor
    """(N, D)"""

    def __init__(self, counts: TokenCounts, model: TrainedModel) -> None:
        super().__init__()
        head = model.network.head
        assert isinstance(head, PoolHead)
        self.counts = counts
        self.max_token_length = counts.max_token_length
        self.register_buffer("embedding", model.network.embedding.weight.detach().clone())
        self.out = nn.Linear(head.out.in_features, head.out.out_features)
        self.out.load_state_dict(head.out.state_dict())
        self.pooling = head.pooling

    def forward(self, codes: Tensor) -> Tensor:
        logits: Tensor = self.out(self._pooled(self.counts(codes)))
        if logits.shape[1] > 1:
            return logits.softmax(1)
        p = logits.sigmoid()
        return torch.cat([1 - p, p], 1)

    def _pooled(self, counts: Tensor) -> Tensor:
        """(B, D), as `PoolHead` pools."""
        if self.pooling == "presence":
            return (counts > 0).to(counts.dtype) @ self.embedding
        if self.pooling == "max":
            there = (counts > 0).unsqueeze(2)  # (B, N, 1)
            return torch.where(there, self.embedding.unsqueeze(0), 0.0).amax(1).clamp(min=0.0)
        if self.pooling == "log_count":
            logarithms = counts.log1p()
            norm = logarithms.square().sum(1, keepdim=True).sqrt()
            return (logarithms / torch.where(norm > 0, norm, 1.0)) @ self.embedding
        summed = counts @ self.embedding
        return summed / counts.sum(1, keepdim=True).clamp(min=1.0) if self.pooling == "mean" else summed


def dense_classifier(model: TrainedModel) -> DenseClassifier:
    """The classifier of a trained model.

    Raises:
        InputError: it has a head that reads the order of tokens, a matcher that segments texts, real-valued patterns,
            or blanks within tokens: none of these is made of plain tensor operations.

    """
    layer, head = model.network.tokenization, model.network.head
    if not isinstance(head, PoolHead):
        raise _cannot(model, f"its head is a {type(head).__name__}: train one with model=tokens model/head=pool")
    if not isinstance(layer, VocabularyLayer):
        raise _cannot(model, f"its tokens are those of a {type(layer).__name__}: train one with learning_rule=graft")
    try:
        counts = TokenCounts(layer)
    except InputError as error:
        raise _cannot(model, str(error)) from error
    return DenseClassifier(counts, model).eval()


def _cannot(model: TrainedModel, why: str) -> InputError:
    return InputError(f"{model.place} cannot be exported to onnx: {why}; or use tokenlayer.load")
