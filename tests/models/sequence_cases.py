"""Models that read sequences, and a reading of one text after the other in plain Python."""

import torch
from head_cases import L, N, layer
from torch import Tensor

from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.models.readers.base import ReaderConfig
from tokenlayer.models.readers.recurrent import RecurrentReaderConfig
from tokenlayer.models.readers.transformer import TransformerReaderConfig
from tokenlayer.models.sequence_model import Keep, SequenceModelConfig

READERS = ("transformer", "recurrent")
D = 8
MAX_TOKENS = 6


def reader_config(name: str, dropout: float = 0.0) -> ReaderConfig:
    if name == "transformer":
        return TransformerReaderConfig(width=D, n_layers=2, n_heads=2, dropout=dropout)
    return RecurrentReaderConfig(width=D, dropout=dropout)


def sequence_classifier(
    name: str,
    n_classes: int = 2,
    dropout: float = 0.0,
    keep: Keep = "first",
    max_tokens: int = MAX_TOKENS,
    token_dropout: float = 0.0,
) -> TokenizationClassifier:
    """A model in float64, in training mode."""
    torch.manual_seed(0)
    config = SequenceModelConfig(
        reader=reader_config(name, dropout),
        max_tokens=max_tokens,
        keep=keep,
        token_dropout=token_dropout,
        vocab_size=N,
    )
    return config.build(layer(), L, n_classes).double().train()


Element = tuple[int, Tensor, float]
"""Position, vector, weight."""


def elements_of(tokens: Tokenized, text: int, embedding: Tensor, max_tokens: int = MAX_TOKENS) -> list[Element]:
    """The first matches of a text, in their order."""
    found = tokens.matches
    places = [i for i in range(len(found)) if found.text[i] == text][:max_tokens]
    return [(int(found.position[i]), embedding[found.token_id[i]], 1.0) for i in places]


def logits_by_hand(model: TokenizationClassifier, elements: list[Element]) -> Tensor:
    """(n_outputs,) of one text, from what stands behind the start element; nothing is padded."""
    head = model.head
    ordered = sorted(elements, key=lambda element: element[0])  # stable, as the order of places is
    x = torch.stack([head.start.weight[0], *(vector for _, vector, _ in ordered)])
    position = torch.tensor([0, *(place for place, _, _ in ordered)])
    weight = torch.tensor([1.0, *(w for _, _, w in ordered)], dtype=x.dtype)
    logits: Tensor = head.out(head.reader(x[None], position[None], weight[None]))[0]
    return logits
