"""Tokens read in their order, and nothing beside them: no linear path, no vectors but those of the embedding.

**The token gradient of a sequence.** A token that is not there has no place in the sequence, so nothing that is there
has its gradient. Each element of a sequence therefore has a weight, and while a learning rule watches, each text gets P
**probes**: elements of vector 0 and of a tiny weight ω, at random places. To first order in ω and in the vector v,

    loss(with an element of weight w and vector v) - loss(without) = w · (c + v · g),

where c is what an element of vector 0 costs, and g = ∂loss/∂v / ω is measured at the probe. That is the token gradient
of a token that begins there: what its vector would receive.

What is approximate about it:

- A token that is there has weight 1, not ω: of attention, of the mean and of the state of a recurrent network it takes
  its share from the others, which is of higher order in w. The probe knows of no such share.
- The gradient holds at vector 0, where new tokens begin, and for one occurrence: of several together, each is priced as
  if it were alone.
- Probes stand in for the other places of their part of the text.
- A text that is full (`max_tokens`) is priced as if there were room.
- All logits and gradients of such a step are off by O(ω), P · ω / (number of matches) or so of themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.matching import Matches
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.heads.head import Head, HeadOutput
from tokenlayer.models.heads.probes import probe_positions
from tokenlayer.models.heads.sequence import kept_matches, token_sequence, without_some
from tokenlayer.models.readers.reader import Reader
from tokenlayer.models.sequence_model import Keep

N_PROBES = 4
PROBE_WEIGHT = 1e-3


@dataclass(frozen=True)
class _Probes:
    position: Tensor
    """(B, P) int64, 0..L-1."""
    vectors: Tensor
    """(B, P, D) zeros, a leaf. What is read is the vector divided by ω, so that the gradient of the leaf is g."""


class SequenceHead(Head):
    """Reader of the matches in their order → linear; see the module's text.

    A start element, of a learned vector, stands before the matches: a text without any holds it alone.

    Args:
        reader: reads the sequence.
        width: D.
        n_outputs: 1 for a sigmoid, else the number of classes.
        max_tokens: the longest sequence.
        keep: which matches of longer texts are read: see `SequenceModelConfig.keep`.
        dropout: share of the token vectors' numbers that are zeroed in training.
        token_dropout: share of the tokens that are left out in training.
        none_code: C, the code of no character.
        n_probes: P, of each text.
        probe_weight: ω.

    """

    reads_padding = False

    def __init__(
        self,
        reader: Reader,
        width: int,
        n_outputs: int,
        max_tokens: int,
        keep: Keep,
        dropout: float,
        token_dropout: float,
        none_code: int,
        n_probes: int = N_PROBES,
        probe_weight: float = PROBE_WEIGHT,
    ) -> None:
        super().__init__()
        self.max_tokens = max_tokens
        self.keep = keep
        self.n_probes = n_probes
        self.probe_weight = probe_weight
        self._none_code = none_code
        self._dropout = dropout
        self._token_dropout = token_dropout
        self.centres_embedded = reader.centres_elements()
        self.centres_vectors = reader.centres_elements() and not dropout
        self.start = nn.Embedding(1, width)
        nn.init.normal_(self.start.weight, std=1 / math.sqrt(width))
        self.reader = reader
        self.out = nn.Linear(width, n_outputs)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        probed = self.training and self.is_watched and torch.is_grad_enabled()
        return self._read(tokens, embedding.weight, self._probes(tokens, embedding, drawn=True) if probed else None)

    def probe(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        """As `forward`, with probes in the middle of each part of the text."""
        return self._read(tokens, embedding.weight, self._probes(tokens, embedding, drawn=False))

    def tokens_read(self, matches: Matches) -> Tensor:
        return matches.counts_by_text().clamp(max=self.max_tokens)

    def readout_layers(self) -> tuple[nn.Linear, ...]:
        return (self.out,)

    def centred_modules(self) -> tuple[nn.Module, ...]:
        return (*self.reader.centred_modules(), *((self.start,) if self.centres_embedded else ()))

    def _probes(self, tokens: Tokenized, embedding: TokenEmbedding, *, drawn: bool) -> _Probes:
        position = probe_positions(tokens.codes, self._none_code, self.n_probes, drawn=drawn)
        return _Probes(position, embedding.weight.new_zeros(*position.shape, embedding.embedding_dim).requires_grad_())

    def _read(self, tokens: Tokenized, vectors: Tensor, probes: _Probes | None) -> HeadOutput:
        B, D = len(tokens.codes), vectors.shape[1]
        kept = kept_matches(tokens.matches, self.max_tokens, self.keep, vectors)
        if self.training and self._token_dropout:
            kept = without_some(kept, self._token_dropout)
        sequence = token_sequence(kept, self.max_tokens)
        x = F.dropout(F.embedding(sequence.token_id, vectors), self._dropout, self.training)
        elements = [self.start.weight.expand(B, 1, D), x]
        position = [sequence.position.new_zeros(B, 1), sequence.position]
        weight = [x.new_ones(B, 1), sequence.there.to(x)]
        if probes is not None:
            elements.append(probes.vectors / self.probe_weight)
            position.append(probes.position)
            weight.append(x.new_full(probes.position.shape, self.probe_weight))
        pooled = self.reader(torch.cat(elements, 1), torch.cat(position, 1), torch.cat(weight, 1))
        return HeadOutput(self.out(pooled), x.new_zeros(B, self.n_probes, D) if probes is None else probes.vectors)
