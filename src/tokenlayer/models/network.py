"""Token layer → embedding → head → logits: the network that is trained."""

from __future__ import annotations

from torch import Tensor, nn

from tokenlayer.layer.base import TokenLayer
from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.heads.head import Head
from tokenlayer.models.layer_statistics import LayerStatistics, ModelStatistics
from tokenlayer.models.losses import cross_entropy
from tokenlayer.models.output import ModelOutput


class TokenizationClassifier(nn.Module):
    """A classifier of texts by the tokens that they hold.

    Args:
        tokenization: the layer, N tokens.
        embedding: (N, D), a vector for each.
        head: matches and vectors → logits (B, n_outputs).
        n_classes: classes of the data.
        n_outputs: 1 for one sigmoid output, the probability of class 1; else the number of classes, for a softmax.

    """

    def __init__(
        self, tokenization: TokenLayer, embedding: TokenEmbedding, head: Head, n_classes: int, n_outputs: int
    ) -> None:
        super().__init__()
        self.tokenization = tokenization
        self.embedding = embedding
        self.head = head
        self.n_classes = n_classes
        self.n_outputs = n_outputs

    def forward(self, codes: Tensor) -> ModelOutput:
        """Classify texts of codes (B, L)."""
        tokens = self.tokenization(codes)
        head = self.head(tokens, self.embedding)
        return ModelOutput(head.logits, head.embedded, head.hidden, tokens)

    def loss(self, output: ModelOutput, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean cross-entropy of the output and integer labels (B,), each text's times its weight (B,), if any."""
        return cross_entropy(output.logits, labels, weights)

    def embedding_l2(self, tokens: Tokenized, weights: Tensor | None = None) -> Tensor:
        """Half the square of what each token of a text adds to the logits, summed over the text, mean over the batch.

        In expectation ½ Σ_n f_n ‖W E_n‖², f_n being the share of texts that hold token n (or the mean square of what it
        counts for in a text, where that is not 1), W the head's readout (the identity, where it has none): the ridge
        penalty of features scaled to unit variance, which holds frequent and rare tokens back alike. A penalty on E
        alone would hold back nothing: W would grow instead. A text's sum counts times its weight (B,), if it has one.
        """
        squares = self.head.effects(self.embedding.weight).square().sum(1)
        text, token_id, values = self.head.values(tokens.matches)
        of_token = squares[token_id]
        if values is not None:
            of_token = of_token * values.square()
        if weights is not None:
            of_token = of_token * weights.to(of_token)[text]
        return of_token.sum() / (2 * tokens.codes.shape[0])

    def statistics(self) -> ModelStatistics:
        """What `grads_log` and `vals_log` record of this model."""
        readouts = self.head.readout_layers()
        return LayerStatistics(
            self,
            zero_sum=(
                *self.head.centred_modules(),
                *((self.embedding,) if self.head.centres_vectors else ()),
                *(readouts if self.n_outputs > 1 else ()),
            ),
            mirrored=readouts if self.n_outputs == 2 else (),
            embedding_is_centred=self.head.centres_embedded,
        )
