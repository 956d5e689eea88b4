"""Every head, and a small vocabulary that they all read: the last token is the one that is not there yet."""

import torch

from tokenlayer.layer.matching import Matches
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.heads.attention import AttentionHeadConfig
from tokenlayer.models.heads.base import HeadConfig
from tokenlayer.models.heads.conv import ConvHeadConfig
from tokenlayer.models.heads.head import HeadOutput
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.original.flatten import FlattenHeadConfig

C, L = 3, 12
PATTERNS = ([0, 0], [0, 1], [1, 2], [2, 0], [1, 0], [1, 1], [2, 1], [2, 2], [0, 2])
N = len(PATTERNS)
SPARE = N - 1
NOTHING = torch.full((1, L), C)  # a text that holds no match


def heads(dropout: float = 0.0) -> dict[str, HeadConfig]:
    small = {"width": 8, "dropout": dropout, "max_tokens": 6}
    return {
        "flatten": FlattenHeadConfig(hidden=3),
        "flatten_without_norm": FlattenHeadConfig(hidden=3, batch_norm=False),
        **{pooling: PoolHeadConfig(pooling) for pooling in ("presence", "sum", "mean", "max", "log_count")},
        "conv": ConvHeadConfig(n_filters=5, kernel_sizes=[1, 2, 3], **small),
        "conv_positions": ConvHeadConfig("positions", n_filters=5, kernel_sizes=[2, 3], dropout=dropout),
        "attention": AttentionHeadConfig(n_layers=2, n_heads=2, **small),
    }


HEADS = tuple(heads())
ONCE = {"presence", "max", "log_count", "conv", "attention"}
"""Heads that take a token once for each text."""
ZERO_AT_FIRST = {"conv", "attention"}
"""Heads with a nonlinear path whose logits are zero before training."""


def layer() -> VocabularyLayer:
    return VocabularyLayer(Vocabulary(torch.tensor(PATTERNS)), C)


def classifier(name: str, n_classes: int = 2, D: int = 2, dropout: float = 0.0) -> TokenizationClassifier:
    """A model in float64, in training mode, with a nonlinear path that contributes to the logits."""
    torch.manual_seed(0)
    config = ModelConfig(heads(dropout)[name], vocab_size=N, embedding_dim=D)
    model = config.build(layer(), L, n_classes).double()
    if name in ZERO_AT_FIRST:
        torch.nn.init.normal_(model.head.out.weight)
    return model.train()


def texts(n: int = 8, seed: int = 1) -> torch.Tensor:
    """Random codes (n, L); some characters are none of the alphabet."""
    return torch.randint(0, C + 1, (n, L), generator=torch.Generator().manual_seed(seed))


def texts_without_repetition() -> torch.Tensor:
    """(8, L) codes; no three characters twice in a text, so that no two windows of a filter respond alike."""
    de_bruijn = torch.tensor([int(c) for c in "000100201101202102211121222"])
    return torch.stack([de_bruijn.roll(-3 * i)[:L] for i in range(8)])


def read(model: TokenizationClassifier, tokens: Tokenized) -> HeadOutput:
    output: HeadOutput = model.head(tokens, model.embedding)
    return output


def without(tokens: Tokenized, token_id: int) -> Tokenized:
    """As if there were no such token."""
    found = tokens.matches
    kept = found.token_id != token_id
    matches = Matches(found.text[kept], found.position[kept], found.token_id[kept], found.shape)
    return Tokenized(tokens.codes, tokens.vocabulary, matches)
