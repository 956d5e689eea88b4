"""The tokenization layer and its embedding, as `torch.nn` modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import Parameter, UninitializedParameter

from tokenlayer.layer.matchers import EveryMatch, Matcher
from tokenlayer.layer.matching import Matches, PatternIndex, match
from tokenlayer.layer.vocabulary import Vocabulary, discretise
from tokenlayer.original.gradients import EmbedMatches, dense_matches, dense_matches_of_codes

Initializer = Callable[[tuple[int, int, int]], Tensor]
"""Makes patterns of shape (C, K, N)."""


@dataclass(frozen=True)
class Tokenized:
    """What the layer found in a batch: M matches in place of a (B, N, L) tensor."""

    codes: Tensor
    """(B, L) the text."""
    patterns: Tensor | None
    """(C, K, N) the layer's parameter, which an embedding of this passes its gradient to; None: it has no such."""
    vocabulary: Vocabulary
    matches: Matches

    def dense(self) -> Tensor:
        """(B, N, L): the original's output, one where a pattern begins. Differentiable in `patterns`, and large."""
        if self.patterns is None:
            return self.matches.dense(torch.get_default_dtype())
        return dense_matches_of_codes(self.patterns, self.codes)


class TokenizationLayer(nn.Module):
    """N trainable patterns of up to K characters that mark where each of them occurs in a text.

    Forward is the original's (tokenization-layer 0.0.2): real-valued patterns are discretised and matched
    exactly. Backward is its surrogate: a convolution with the real values, scaled by σ (`gradients.sigma`).

    Args:
        vocab_size: N, the number of patterns.
        initializer: called with (C, K, N), returns the initial patterns.
        max_token_length: K, the length of a pattern in characters.
        n_characters: C, the size of the alphabet; by default the initializer's (`initializer.n_characters`),
            else that of the first one-hot input.

    """

    patterns: Parameter

    def __init__(
        self, vocab_size: int, initializer: Initializer, max_token_length: int, n_characters: int | None = None
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.max_token_length = max_token_length
        self._initializer = initializer
        if n_characters is None:
            n_characters = getattr(initializer, "n_characters", None)
        if n_characters is None:
            self.patterns = UninitializedParameter()  # type: ignore[assignment]  # its stub hides that it is one
        else:
            self.patterns = Parameter(self._initial(n_characters))

    def _initial(self, n_characters: int) -> Tensor:
        shape = (n_characters, self.max_token_length, self.vocab_size)
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
        codes = checked_codes(text, n_characters)
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
        return f"vocab_size={self.vocab_size}, max_token_length={self.max_token_length}"


class VocabularyLayer(nn.Module):
    """N patterns that a learning rule replaces as wholes: no gradient moves their characters.

    Args:
        vocab_size: N, the number of patterns.
        initializer: called with (C, K, N), returns real-valued patterns, which are discretised.
        max_token_length: K, the length of a pattern in characters.
        n_characters: C, the size of the alphabet.
        occurrences: which occurrences count as matches; by default all.

    """

    codes: Tensor
    never: Tensor

    def __init__(
        self,
        vocab_size: int,
        initializer: Initializer,
        max_token_length: int,
        n_characters: int,
        matcher: Matcher | None = None,
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.max_token_length = max_token_length
        self.n_characters = n_characters
        self.matcher = matcher or EveryMatch()
        vocabulary = discretise(initializer((n_characters, max_token_length, vocab_size)))
        self.register_buffer("codes", vocabulary.codes)
        self.register_buffer("never", vocabulary.never)
        self._index: tuple[int, Tensor, PatternIndex] | None = None

    def vocabulary(self) -> Vocabulary:
        """The patterns as they stand."""
        return self.index().vocabulary

    def index(self) -> PatternIndex:
        """The vocabulary, ready for matching; made anew when the patterns have changed."""
        version = self.codes._version  # counts changes in place: edits, and loaded checkpoints
        if self._index is None or self._index[0] != version or self._index[1] is not self.codes:
            vocabulary = Vocabulary(self.codes.clone(), self.never.clone())
            self._index = version, self.codes, PatternIndex(vocabulary, self.n_characters)
        return self._index[2]

    @torch.no_grad()
    def replace(self, token_ids: Tensor, codes: Tensor) -> None:
        """Put the patterns `codes` (R, K), blanks included, in the places `neurons` (R,)."""
        self.codes[token_ids] = codes.to(self.codes)
        self.never[token_ids] = False

    def forward(self, text: Tensor) -> Tokenized:
        """Find the patterns in a batch of integer codes (B, L), C meaning no character."""
        codes = checked_codes(text, self.n_characters)
        index = self.index()
        return Tokenized(codes, None, index.vocabulary, self.matcher(codes, index))

    def extra_repr(self) -> str:
        return f"vocab_size={self.vocab_size}, max_token_length={self.max_token_length}"


def checked_codes(codes: Tensor, n_characters: int) -> Tensor:
    """Codes (B, L) as int64.

    Raises:
        ValueError: a code is not in 0..C.

    """
    codes = codes.long()
    if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) <= n_characters:
        raise ValueError(f"codes must be 0..{n_characters}, where {n_characters} means no character of the alphabet")
    return codes


class EmbeddingLayer(nn.Module):
    """Replaces each match by its pattern's vector and sums the vectors at a position.

    Args:
        embedding_dim: D.
        vocab_size: N; by default that of the first input.

    """

    weight: Parameter

    def __init__(self, embedding_dim: int, vocab_size: int | None = None) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        if vocab_size is None:
            self.weight = UninitializedParameter()  # type: ignore[assignment]  # its stub hides that it is one
        else:
            self.weight = Parameter(self._initial(vocab_size))

    def _initial(self, vocab_size: int) -> Tensor:
        return nn.init.xavier_uniform_(torch.empty(vocab_size, self.embedding_dim))  # Keras's Glorot uniform

    def forward(self, tokens: Tokenized | Tensor) -> Tensor:
        """`Tokenized`, or a dense (B, L, N) tensor, to (B, L, D)."""
        if isinstance(self.weight, UninitializedParameter):
            like = tokens if isinstance(tokens, Tensor) else tokens.dense()
            _fill(self.weight, self._initial(like.shape[2 if isinstance(tokens, Tensor) else 1]).to(like))
        if isinstance(tokens, Tensor):
            return tokens @ self.weight
        return self._embed(tokens, tokens.matches, pooled=False)

    def pooled(self, tokens: Tokenized, matches: Matches | None = None) -> Tensor:
        """(B, D): the sum over each text, of all matches or of those that are given."""
        return self._embed(tokens, tokens.matches if matches is None else matches, pooled=True)

    def _embed(self, tokens: Tokenized, matches: Matches, *, pooled: bool) -> Tensor:
        embedded: Tensor = EmbedMatches.apply(  # type: ignore[no-untyped-call]  # torch types no apply
            tokens.patterns, self.weight, tokens.codes, matches, pooled
        )
        return embedded

    def extra_repr(self) -> str:
        return f"embedding_dim={self.embedding_dim}"


def _fill(parameter: UninitializedParameter, values: Tensor) -> None:
    """In place, so that an optimizer which holds the parameter already trains it."""
    parameter.materialize(values.shape, values.device, values.dtype)
    with torch.no_grad():
        parameter.copy_(values)
