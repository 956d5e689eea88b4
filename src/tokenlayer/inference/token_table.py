"""The tokens of a model and their weights: what its checkpoint alone tells of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tokenlayer.layer.vocabulary import BLANK_SIGN
from tokenlayer.models.logit_gradients import class_weights, logit_gradients, top_class
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.text.alphabet import BLANK, Alphabet

_TEXTS = 64  # on which the directions of the classes are measured, where the head has no weights for them


def token_table(
    network: TokenizationClassifier, alphabet: Alphabet, text_length: int, class_names: Sequence[str]
) -> pd.DataFrame:
    """One row for each of the N tokens, in the order in which the model has them.

    Columns: `token`, with `█` for a blank, of which none is at its end; `weight`, and `towards`, the class that it
    speaks for ("" for none). The weight is what one more match adds to the logit: of two classes to that of the second,
    or to the difference of both; of more classes to that of the class `towards`, against the mean of all, and a column
    `weight <class>` for each has the same for all of them.

    A head without weights for the sum of a text's vectors, that of the linear head with presence or sum, is read by its
    gradient: the mean over texts of one token each, for the first tokens, and over places.
    """
    patterns = network.tokenization.vocabulary().decode(alphabet)
    weights = class_weights(network.embedding.weight.detach(), _directions(network, alphabet, text_length))
    weight, towards = top_class(weights)
    columns: dict[str, object] = {
        "token": [pattern.rstrip(BLANK_SIGN) for pattern in patterns],
        "weight": weight.double().numpy(),
        "towards": np.where(weight.numpy() == 0, "", np.array(class_names)[towards.numpy()]),
    }
    if weights.shape[1] > 1:
        columns |= {f"weight {name}": weights[:, c].double().numpy() for c, name in enumerate(class_names)}
    return pd.DataFrame(columns)


def _directions(network: TokenizationClassifier, alphabet: Alphabet, text_length: int) -> Tensor:
    """(n_outputs, D): what a number of a token's vector adds to each logit."""
    readout = network.head.readout()
    if readout is not None:
        return readout.detach()
    vocabulary = network.tokenization.vocabulary()
    tokens = vocabulary.take(range(min(_TEXTS, vocabulary.vocab_size))).codes
    texts = torch.full((len(tokens), text_length), alphabet.none_code)
    texts[:, : tokens.shape[1]] = torch.where(tokens == BLANK, alphabet.none_code, tokens)
    return logit_gradients(network, texts)
