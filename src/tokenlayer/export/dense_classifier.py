"""A trained classifier as a network of plain tensor operations, without the matching's data-dependent shapes.

The tokens are a tree of their beginnings: each window of a text walks down the tree, one character a step, by a table
(node · (C + 1) + code → node). K lookups of all windows at once find every token that begins anywhere.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tokenlayer.errors import InputError
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.layer.matchers import EveryMatch
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.heads.pool_head import PoolHead
from tokenlayer.text.alphabet import BLANK

_CELLS = 1 << 27  # of the table: half a gigabyte


class DenseClassifier(nn.Module):
    """From codes (B, W) int64, W ≥ K, to probabilities (B, n_classes).

    Codes are 0..C, and C, for no character, behind the end of a text: K of them at least, or as many as make L.
    """

    step: Tensor
    """(nodes · (C + 1),) int64: the node that a character leads to; node 0 leads to itself: no token begins so."""
    token_at: Tensor
    """(nodes,) int64: the string that ends at a node, of P different ones; P: none does."""
    string_of: Tensor
    """(N,) int64: the string that each token is; two tokens may be the same."""
    embedding: Tensor
    """(N, D)"""

    def __init__(self, tree: tuple[Tensor, Tensor, Tensor], n_codes: int, model: TrainedModel) -> None:
        super().__init__()
        head = model.network.head
        assert isinstance(head, PoolHead)
        for name, buffer in zip(("step", "token_at", "string_of"), tree, strict=True):
            self.register_buffer(name, buffer)
        self.register_buffer("embedding", model.network.embedding.weight.detach().clone())
        self.out = nn.Linear(head.out.in_features, head.out.out_features)
        self.out.load_state_dict(head.out.state_dict())
        self.pooling = head.pooling
        self.n_codes = n_codes
        self.n_strings = int(tree[2].max()) + 1
        self.max_token_length = model.network.tokenization.max_token_length

    def forward(self, codes: Tensor) -> Tensor:
        logits: Tensor = self.out(self._pooled(self._counts(codes)))
        if logits.shape[1] > 1:
            return logits.softmax(1)
        p = logits.sigmoid()
        return torch.cat([1 - p, p], 1)

    def _counts(self, codes: Tensor) -> Tensor:
        """(B, N): the number of matches of each token."""
        P = self.n_strings
        T = codes.shape[1] - self.max_token_length + 1
        node = torch.ones_like(codes[:, :T])  # node 1 is the beginning of all tokens
        counts = self.embedding.new_zeros(codes.shape[0], P + 1)
        for k in range(self.max_token_length):
            node = self.step[node * self.n_codes + codes[:, k : k + T]]
            ending = self.token_at[node]
            counts = counts.scatter_add(1, ending, torch.ones_like(ending, dtype=counts.dtype))
        counts_of_tokens: Tensor = counts[:, self.string_of]
        return counts_of_tokens

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
        raise _cannot(model, f"its head is a {type(head).__name__}", "model=tokens model/head=pool")
    if not isinstance(layer, VocabularyLayer):
        raise _cannot(model, f"its tokens are those of a {type(layer).__name__}", "learning_rule=graft")
    if not isinstance(layer.matcher, EveryMatch):
        raise _cannot(
            model, f"its tokens are found by a {type(layer.matcher).__name__}", "n-grams, not words or pieces"
        )
    n_codes = model.alphabet.size + 1
    return DenseClassifier(_tree(layer.vocabulary(), n_codes, model), n_codes, model).eval()


def _tree(vocabulary: Vocabulary, n_codes: int, model: TrainedModel) -> tuple[Tensor, Tensor, Tensor]:
    """`step`, `token_at` and `string_of` of a vocabulary whose tokens have blanks at most behind them."""
    codes = vocabulary.codes.numpy()
    is_blank = codes == BLANK
    if is_blank[:, 0].any() or (is_blank[:, :-1] & ~is_blank[:, 1:]).any():
        raise _cannot(model, "some of its tokens have blanks before their end", "a rule or initializer without blanks")
    node_of: dict[tuple[int, ...], int] = {(): 1}
    strings, string_of = np.unique(codes, axis=0, return_inverse=True)
    ngrams = [tuple(row[row != BLANK].tolist()) for row in strings]
    for ngram in ngrams:
        for end in range(1, len(ngram) + 1):
            node_of.setdefault(ngram[:end], len(node_of) + 1)
    n_nodes = len(node_of) + 1
    if n_nodes * n_codes > _CELLS:
        raise _cannot(
            model, f"{len(ngrams)} tokens of {n_codes - 1} characters need too large a table", "fewer of both"
        )
    step = torch.zeros(n_nodes * n_codes, dtype=torch.int64)
    for beginning, node in node_of.items():
        if beginning:
            step[node_of[beginning[:-1]] * n_codes + beginning[-1]] = node
    token_at = torch.full((n_nodes,), len(ngrams))
    for token, ngram in enumerate(ngrams):
        token_at[node_of[ngram]] = token
    return step, token_at, torch.from_numpy(string_of.ravel())


def _cannot(model: TrainedModel, why: str, remedy: str) -> InputError:
    return InputError(
        f"{model.place} cannot be exported to onnx: {why}; train one with {remedy}, or use tokenlayer.load"
    )
