"""What a head is: it reads the matched tokens and gives logits.

Every head says how it supplies the **token gradient** g, from which a learning rule scores tokens that are not there
yet: `HeadOutput.embedded` is a tensor that the vector E of a token enters as a plain sum, so that ∂loss/∂embedded is
the gradient which one more match, of any token, would receive.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.matching import Matches
from tokenlayer.layer.tokenized import Tokenized


@dataclass(frozen=True)
class HeadOutput:
    """What a head made of a batch."""

    logits: Tensor
    """(B, n_outputs)"""
    embedded: Tensor
    """A tensor whose gradient is the token gradient g: (B, D), where the place makes no difference, or (B, P, D), one
    for each of P equal parts of the text: what begins at position t, of L, is in part t · P // L. As a sum of vectors
    it is that over the text, or (P = L) that of the tokens that begin at each position."""
    hidden: Tensor | None = None
    """(B, hidden) output of a hidden dense layer, if the head has one."""


class Head(nn.Module, ABC):
    """Matches and their vectors → logits."""

    binary_features: bool = False
    """True if a token enters `embedded` once for each text that holds it, however often it occurs there."""

    adds_up: bool = False
    """True if the logits are a sum over the tokens of the text, of the `effects` of each, and a bias."""

    reads_padding: bool = True
    """False if it makes no difference to a text how far it is padded: a token that matches in no padding is all that
    the head goes by. Short texts need not be padded to L then, once the model is trained."""

    centres_embedded: bool = False
    """True if a normalisation alone reads `embedded`, so that its gradient sums to zero."""

    centres_vectors: bool = False
    """True if a normalisation alone reads the vectors of the tokens, so that the gradient of each sums to zero."""

    is_watched: bool = True
    """False while no learning rule is shown the token gradient: a head that takes trouble over it need not."""

    @abstractmethod
    def forward(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        """The matches of B texts, and the vectors of the N tokens (N, D), to logits (B, n_outputs)."""

    def probe(self, tokens: Tokenized, embedding: TokenEmbedding) -> HeadOutput:
        """As `forward`, with a token gradient in any case, be the head watched or not, in evaluation as well."""
        output: HeadOutput = self(tokens, embedding)
        return output

    def tokens_read(self, matches: Matches) -> Tensor:
        """(B,) int64: how many of each text's matches reach the logits; here all."""
        return matches.counts_by_text()

    def values(self, matches: Matches) -> tuple[Tensor, Tensor, Tensor | None]:
        """What the tokens of each text count for: texts (R,), tokens (R,), each pair once, and values (R,); None: 1.

        It is by these values that `effects` are penalised.
        """
        held = matches.distinct()
        return held.text, held.token_id, None

    def effects(self, weight: Tensor) -> Tensor:
        """(N, …): what the vectors (N, D) of tokens add to the logits where they count for 1; or the vectors."""
        readout = self.readout()
        return weight if readout is None else weight @ readout.T

    @abstractmethod
    def readout_layers(self) -> tuple[nn.Linear, ...]:
        """The linear layers whose outputs add up to the logits."""

    def centred_modules(self) -> tuple[nn.Module, ...]:
        """Modules whose outputs are read through a normalisation alone, so that their gradients sum to zero."""
        return ()

    def readout(self) -> Tensor | None:
        """(n_outputs, D): the parameter by which the linear path from `embedded` to the logits multiplies, if any."""
        return None

    def token_parameters(self) -> tuple[Tensor, ...]:
        """Parameters of which row n, of N, belongs to token n alone: a token that takes its place begins with zeros."""
        return ()
