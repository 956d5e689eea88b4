"""The tokens of a layer counted by plain tensor operations, without the matching's data-dependent shapes.

The tokens are a tree of their beginnings: each window of a text walks down the tree, one character a step, by a table
(node · (C + 1) + code → node). K lookups of all windows at once find every token that begins anywhere.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tokenlayer.errors import InputError
from tokenlayer.layer.matchers import EveryMatch
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.text.alphabet import BLANK

_CELLS = 1 << 27  # of the table: a gigabyte


class TokenCounts(nn.Module):
    """From codes (B, W), W ≥ K, to the number of matches of each token (B, N) float32.

    `torch.export` and ONNX take it, where they do not take a layer: a network of your own that reads sums of token
    vectors is exported with `counts @ embedding.weight` in the place of `embedding.pooled(layer(codes))`.

    Codes are 0..C, and C, for no character, behind the end of a text: K − 1 of them at least, or as many as make L.

    Args:
        layer: its tokens are those of this moment.

    Raises:
        InputError: its tokens are found by a matcher of words or pieces, have blanks before their end, or need too
            large a table.

    """

    step: Tensor
    """(nodes · (C + 1),) int64: the node that a character leads to; node 0 leads to itself: no token begins so."""
    token_at: Tensor
    """(nodes,) int64: the string that ends at a node, of P different ones; P: none does."""
    string_of: Tensor
    """(N,) int64: the string that each token is; two tokens may be the same."""

    def __init__(self, layer: VocabularyLayer) -> None:
        super().__init__()
        if not isinstance(layer.matcher, EveryMatch):
            raise InputError(
                f"its tokens are found by a {type(layer.matcher).__name__}, not by plain tensor operations: take "
                "n-grams, not words or pieces"
            )
        self.n_codes = layer.n_characters + 1
        self.max_token_length = layer.max_token_length
        tree = _tree(layer.vocabulary(), self.n_codes)
        for name, buffer in zip(("step", "token_at", "string_of"), tree, strict=True):
            self.register_buffer(name, buffer)
        self.n_strings = int(self.string_of.max()) + 1

    def forward(self, codes: Tensor) -> Tensor:
        codes, P = codes.long(), self.n_strings  # of small alphabets they are bytes, which would be a mask
        T = codes.shape[1] - self.max_token_length + 1
        node = torch.ones_like(codes[:, :T])  # node 1 is the beginning of all tokens
        counts = torch.zeros(codes.shape[0], P + 1, device=codes.device)
        for k in range(self.max_token_length):
            node = self.step[node * self.n_codes + codes[:, k : k + T]]
            ending = self.token_at[node]
            counts = counts.scatter_add(1, ending, torch.ones_like(ending, dtype=counts.dtype))
        counts_of_tokens: Tensor = counts[:, self.string_of]
        return counts_of_tokens


def _tree(vocabulary: Vocabulary, n_codes: int) -> tuple[Tensor, Tensor, Tensor]:
    """`step`, `token_at` and `string_of` of a vocabulary whose tokens have blanks at most behind them."""
    codes = vocabulary.codes.cpu().numpy()
    is_blank = codes == BLANK
    if is_blank[:, 0].any() or (is_blank[:, :-1] & ~is_blank[:, 1:]).any():
        raise InputError("some of its tokens have blanks before their end: take a rule or initializer without blanks")
    node_of: dict[tuple[int, ...], int] = {(): 1}
    strings, string_of = np.unique(codes, axis=0, return_inverse=True)
    ngrams = [tuple(row[row != BLANK].tolist()) for row in strings]
    for ngram in ngrams:
        for end in range(1, len(ngram) + 1):
            node_of.setdefault(ngram[:end], len(node_of) + 1)
    n_nodes = len(node_of) + 1
    if n_nodes * n_codes > _CELLS:
        raise InputError(
            f"its {len(ngrams)} tokens of {n_codes - 1} characters need too large a table: take fewer of both"
        )
    step = torch.zeros(n_nodes * n_codes, dtype=torch.int64)
    for beginning, node in node_of.items():
        if beginning:
            step[node_of[beginning[:-1]] * n_codes + beginning[-1]] = node
    token_at = torch.full((n_nodes,), len(ngrams))
    for token, ngram in enumerate(ngrams):
        token_at[node_of[ngram]] = token
    return step, token_at, torch.from_numpy(string_of.ravel())
