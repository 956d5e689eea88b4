"""The tokenization layer and its embedding, as `torch.nn` modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import Parameter, UninitializedParameter

from tokenlayer.tokenization.gradients import EmbedMatches, dense_matches, dense_matches_of_codes
from tokenlayer.tokenization.matching import Matches, match
from tokenlayer.tokenization.vocabulary import Vocabulary, discretise

Initializer = Callable[[tuple[int, int, int]], Tensor]
"""Makes patterns of shape (C, K, N)."""


@dataclass(frozen=True)
class Tokenized:
    """What the layer found in a batch: M matches in place of a (B, N, L) tensor."""

    codes: Tensor
    """(B, L) the text."""
    patterns: Tensor
    """(C, K, N) the layer's parameter, which an embedding of this passes its gradient to."""
    vocabulary: Vocabulary
    matches: Matches

    def dense(self) -> Tensor:
        """(B, N, L): the original's output, one where a pattern begins. Differentiable, and large."""
        return dense_matches_of_codes(self.patterns, self.codes)


class TokenizationLayer(nn.Module):
    """N trainable patterns of up to K characters that mark where each of them occurs in a text.

    Forward is the original's (tokenization-layer 0.0.2): real-valued patterns are discretised and matched
    exactly. Backward is its surrogate: a convolution with the real values, scaled by σ (`gradients.sigma`).

    Args:
        n_neurons: N, the number of patterns.
        initializer: called with (C, K, N), returns the initial patterns.
        pattern_lens: K, the length of a pattern in characters.
        n_characters: C, the size of the alphabet; by default the initializer's (`initializer.n_characters`),
            else that of the first one-hot input.

    """

    patterns: Parameter

    def __init__(
        self, n_neurons: int, initializer: Initializer, pattern_lens: int, n_characters: int | None = None
    ) -> None:
        super().__init__()
        self.n_neurons = n_neurons
        self.pattern_lens = pattern_lens
        self._initializer = initializer
        if n_characters is None:
            n_characters = getattr(initializer, "n_characters", None)
        if n_characters is None:
            self.patterns = UninitializedParameter()  # type: ignore[assignment]  # its stub hides that it is one
        else:
            self.patterns = Parameter(self._initial(n_characters))

    def _initial(self, n_characters: int) -> Tensor:
        shape = (n_characters, self.pattern_lens, self.n_neurons)
        patterns = self._initializer(shape)
        if tuple(patterns.shape) != shape:
            raise ValueError(f"the initializer made patterns {tuple(patterns.shape)}, not (C, K, N) = {shape}")
        return patterns

    def vocabulary(self) -> Vocabulary:
        """The patterns as they stand, discretised."""
        return discretise(self.patterns)

    def forward(self, text: Tensor) -> Tokenized | Tensor:
        """Find the patterns in a batch.

        Integer codes (B, L), C meaning no character, give `Tokenized`. A one-hot text of floats, (B, C, L) or
        (B, C, L, 1), gives the dense matches, (B, N, L) or (B, N, L, 1), by convolution, differentiable in
        the text too.
        """
        if text.is_floating_point():
            return self._forward_dense(text)
        if isinstance(self.patterns, UninitializedParameter):
            raise ValueError("codes do not tell the alphabet's size: give TokenizationLayer n_characters")
        n_characters = self.patterns.shape[0]
        codes = text.long()
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) <= n_characters:
            raise ValueError(
                f"codes must be 0..{n_characters}, where {n_characters} means no character of the alphabet"
            )
        vocabulary = self.vocabulary()
        return Tokenized(codes, self.patterns, vocabulary, match(codes, vocabulary, self.patterns.shape[0]))

    def _forward_dense(self, text: Tensor) -> Tensor:
        squeezed = text.squeeze(3) if text.dim() == 4 else text
        if isinstance(self.patterns, UninitializedParameter):
            _fill(self.patterns, self._initial(squeezed.shape[1]).to(text))
        if squeezed.dim() != 3 or squeezed.shape[1] != self.patterns.shape[0]:
            raise ValueError(f"expected one-hot text (B, {self.patterns.shape[0]}, L), got {tuple(text.shape)}")
        out = dense_matches(self.patterns, squeezed)
        return out.unsqueeze(3) if text.dim() == 4 else out

    def extra_repr(self) -> str:
        return f"n_neurons={self.n_neurons}, pattern_lens={self.pattern_lens}"


class EmbeddingLayer(nn.Module):
    """Replaces each match by its pattern's vector and sums the vectors at a position.

    Args:
        embedding_length: D.
        n_neurons: N; by default that of the first input.

    """

    weight: Parameter

    def __init__(self, embedding_length: int, n_neurons: int | None = None) -> None:
        super().__init__()
        self.embedding_length = embedding_length
        if n_neurons is None:
            self.weight = UninitializedParameter()  # type: ignore[assignment]  # its stub hides that it is one
        else:
            self.weight = Parameter(self._initial(n_neurons))

    def _initial(self, n_neurons: int) -> Tensor:
        return nn.init.xavier_uniform_(torch.empty(n_neurons, self.embedding_length))  # Keras's Glorot uniform

    def forward(self, tokens: Tokenized | Tensor) -> Tensor:
        """`Tokenized`, or a dense (B, L, N) tensor, to (B, L, D)."""
        if isinstance(self.weight, UninitializedParameter):
            like = tokens if isinstance(tokens, Tensor) else tokens.patterns
            _fill(self.weight, self._initial(like.shape[2]).to(like))
        if isinstance(tokens, Tensor):
            return tokens @ self.weight
        embedded: Tensor = EmbedMatches.apply(  # type: ignore[no-untyped-call]  # torch types no apply
            tokens.patterns, self.weight, tokens.codes, tokens.matches
        )
        return embedded

    def extra_repr(self) -> str:
        return f"embedding_length={self.embedding_length}"


def _fill(parameter: UninitializedParameter, values: Tensor) -> None:
    """In place, so that an optimizer which holds the parameter already trains it."""
    parameter.materialize(values.shape, values.device, values.dtype)
    with torch.no_grad():
        parameter.copy_(values)
