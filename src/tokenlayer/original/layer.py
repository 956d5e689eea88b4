"""The original's layer with real-valued patterns, and its embedding, with the original's signatures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import Parameter, UninitializedParameter

from tokenlayer.layer.base import TokenLayer, checked_codes
from tokenlayer.layer.matching import Matches, match
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.original.gradients import EmbedPatternMatches, dense_matches, dense_matches_of_codes
from tokenlayer.original.patterns import discretise, patterns_of

Initializer = Callable[[tuple[int, int, int]], Tensor]
"""Makes patterns of shape (C, K, N)."""


@dataclass(frozen=True)
class PatternMatches(Tokenized):
    """Matches of real-valued patterns, to which an embedding of them passes its gradient."""

    patterns: Tensor
    """(C, K, N) the layer's parameter."""

    def dense(self) -> Tensor:
        """(B, N, L): the original's output, one where a pattern begins. Differentiable in `patterns`, and large."""
        return dense_matches_of_codes(self.patterns, self.codes)

    def embed(self, weight: Tensor, matches: Matches, *, pooled: bool) -> Tensor:
        """The sum of the patterns' vectors, (B, L, D) or (B, D), differentiable in `weight` and in the patterns."""
        embedded: Tensor = EmbedPatternMatches.apply(  # type: ignore[no-untyped-call]  # torch types no apply
            self.patterns, weight, self.codes, matches, pooled
        )
        return embedded


class TokenizationLayer(TokenLayer):
    """N trainable patterns of up to K characters that mark where each of them occurs in a text.

    The forward pass is that of tokenization-layer 0.0.2: real-valued patterns are discretised and matched exactly. The
    backward pass is its surrogate: a convolution with the real values, scaled by σ (`gradients.sigma`).

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
        self.vocab_size = n_neurons
        self.max_token_length = pattern_lens
        self._initializer = initializer
        if n_characters is None:
            n_characters = getattr(initializer, "n_characters", None)
        if n_characters is None:
            self.patterns = UninitializedParameter()  # type: ignore[assignment]  # its stub hides that it is one
        else:
            self.patterns = Parameter(self._initial(n_characters))

    @property
    def n_neurons(self) -> int:
        """N, by the original's name."""
        return self.vocab_size

    @property
    def pattern_lens(self) -> int:
        """K, by the original's name."""
        return self.max_token_length

    def _initial(self, n_characters: int) -> Tensor:
        shape = (n_characters, self.max_token_length, self.vocab_size)
        patterns = self._initializer(shape)
        if tuple(patterns.shape) != shape:
            raise ValueError(f"the initializer made patterns {tuple(patterns.shape)}, not (C, K, N) = {shape}")
        return patterns

    def vocabulary(self) -> Vocabulary:
        """The patterns as they stand, discretised."""
        return discretise(self.patterns)

    def set_vocabulary(self, vocabulary: Vocabulary, generator: torch.Generator | None = None) -> None:
        """Give the patterns the original's noisy weights around the codes of a vocabulary."""
        self.set_patterns(patterns_of(vocabulary.codes, self.patterns.shape[0], generator, exact=True))

    @torch.no_grad()
    def set_patterns(self, patterns: Tensor) -> None:
        """Take over real-valued patterns (C, K, N)."""
        self.patterns.copy_(patterns)

    def character_gradient(self) -> Tensor | None:
        """(N,): the original's summary of the patterns' gradient: population std + |mean| over C and K.

        None before the first backward pass. (Seed document, "Making the Training Loop".)
        """
        grad = self.patterns.grad
        if grad is None:
            return None
        mean = grad.mean((0, 1))
        std: Tensor = torch.linalg.vector_norm(grad - mean, dim=(0, 1)) / math.sqrt(grad.shape[0] * grad.shape[1])
        return std + mean.abs()

    # One method for both inputs, as the original has it; codes are what everything of ours passes.
    def forward(self, text: Tensor) -> PatternMatches | Tensor:  # type: ignore[override]
        """Find the patterns in a batch.

        Integer codes (B, L), C meaning no character, give `PatternMatches`. A one-hot text of floats, (B, C, L) or
        (B, C, L, 1), gives the dense matches, (B, N, L) or (B, N, L, 1), by convolution, differentiable in
        the text too.
        """
        if text.is_floating_point():
            return self._forward_dense(text)
        if isinstance(self.patterns, UninitializedParameter):
            raise ValueError("codes do not tell the alphabet's size: give TokenizationLayer n_characters")
        n_characters = self.patterns.shape[0]
        codes = checked_codes(text, n_characters)
        vocabulary = self.vocabulary()
        return PatternMatches(codes, vocabulary, match(codes, vocabulary, n_characters), self.patterns)

    def _forward_dense(self, text: Tensor) -> Tensor:
        squeezed = text.squeeze(3) if text.dim() == 4 else text
        if isinstance(self.patterns, UninitializedParameter):
            _fill(self.patterns, self._initial(squeezed.shape[1]).to(text))
        if squeezed.dim() != 3 or squeezed.shape[1] != self.patterns.shape[0]:
            raise ValueError(f"expected one-hot text (B, {self.patterns.shape[0]}, L), got {tuple(text.shape)}")
        out = dense_matches(self.patterns, squeezed)
        return out.unsqueeze(3) if text.dim() == 4 else out

    def extra_repr(self) -> str:
        return f"n_neurons={self.vocab_size}, pattern_lens={self.max_token_length}"


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

    def _initial_for(self, tokens: Tokenized | Tensor) -> Tensor:
        """In the size, the precision and on the device of the first input."""
        if isinstance(tokens, Tensor):
            return self._initial(tokens.shape[2]).to(tokens)
        weight = self._initial(tokens.vocabulary.vocab_size)
        return weight.to(tokens.patterns if isinstance(tokens, PatternMatches) else tokens.codes.device)

    def forward(self, tokens: Tokenized | Tensor) -> Tensor:
        """The matches of codes, or a dense (B, L, N) tensor, to (B, L, D)."""
        if isinstance(self.weight, UninitializedParameter):
            _fill(self.weight, self._initial_for(tokens))
        if isinstance(tokens, Tensor):
            return tokens @ self.weight
        return tokens.embed(self.weight, tokens.matches, pooled=False)

    def extra_repr(self) -> str:
        return f"embedding_length={self.embedding_length}"


def _fill(parameter: UninitializedParameter, values: Tensor) -> None:
    """Materialise in place, so that an optimizer which holds the parameter already trains it."""
    parameter.materialize(values.shape, values.device, values.dtype)
    with torch.no_grad():
        parameter.copy_(values)
