"""What a segmentation does not see of a layer's matches, which may overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from tokenlayer.export.normalization import unknown_sign
from tokenlayer.export.tokenizer import Segmentation
from tokenlayer.layer.base import TokenLayer
from tokenlayer.text.alphabet import UNKNOWN, Alphabet


@dataclass(frozen=True)
class Seen:
    """Matches in some texts."""

    n_texts: int
    n_characters: int
    """Of the cleaned texts, as far as the model reads them."""
    n_pieces: int
    """Tokens and characters that the texts are segmented into."""
    n_matches: int
    """Places where a token stands."""
    n_segmented: int
    """Those of them at which the segmentation has this token."""

    @property
    def unseen(self) -> float:
        """The share of the matches that the segmentation does not have."""
        return 1 - self.n_segmented / self.n_matches if self.n_matches else 0.0


@torch.no_grad()
def count_seen(layer: TokenLayer, made: Segmentation, alphabet: Alphabet, batches: Iterable[Tensor]) -> Seen:
    """Count the matches of a layer in texts, and those that are in their segmentation.

    Args:
        layer: the layer.
        made: the segmentation by its tokens.
        alphabet: what encoded the texts.
        batches: the codes (b, W) of some texts each.

    """
    tokenizer = Tokenizer.from_str(made.tokenizer.to_str())
    tokenizer.normalizer = None  # the texts are clean
    counted = _first_of_equals(layer)
    of_layer = torch.zeros(tokenizer.get_vocab_size(), dtype=torch.bool)
    of_layer[made.numbers] = True
    texts = characters = pieces = matches = segmented = 0
    for codes in batches:
        # With room behind them: the layer's tokens are as long as the longest.
        padded = F.pad(codes, (0, layer.max_token_length), value=alphabet.none_code)
        matches += int(counted[layer(padded).matches.token_id].sum())
        for encoding in tokenizer.encode_batch_fast(_strings(codes, alphabet), add_special_tokens=False):
            segmented += int(of_layer[encoding.ids].sum())
            pieces += len(encoding.ids)
        texts += len(codes)
        characters += int((codes != alphabet.none_code).sum())
    return Seen(texts, characters, pieces, matches, segmented)


def _first_of_equals(layer: TokenLayer) -> Tensor:
    """(N,) bool: False for a token that an earlier one equals."""
    rows = list(map(tuple, layer.vocabulary().codes.tolist()))
    first = {row: number for number, row in reversed(list(enumerate(rows)))}
    return torch.tensor([first[row] == number for number, row in enumerate(rows)])


def _strings(codes: Tensor, alphabet: Alphabet) -> list[str]:
    """The texts that codes (b, W) stand for, without the padding."""
    sign = unknown_sign(alphabet)
    signs = [sign if symbol == UNKNOWN else symbol for symbol in alphabet.symbols]
    outside = next(char for char in map(chr, range(0xF0000, 0xFFFFE)) if char not in signs)
    rows = ("".join([*signs, outside][code] for code in row) for row in codes.tolist())
    return [row.rstrip(outside) for row in rows]
