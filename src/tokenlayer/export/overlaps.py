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
from tokenlayer.layer.matching import Matches
from tokenlayer.text.alphabet import UNKNOWN, Alphabet

_PRIVATE = range(0xF0000, 0xFFFFE)


@dataclass(frozen=True)
class Seen:
    """Matches in some texts."""

    n_texts: int
    n_characters: int
    """Characters of the cleaned texts, as far as the model reads them."""
    n_pieces: int
    """Tokens and characters that the texts are segmented into."""
    n_matches: int
    """Places where a token stands; of equal tokens one counts."""
    n_segmented: int
    """Those of them at which the segmentation has this token."""

    @property
    def unseen(self) -> float:
        """The share of the matches that the segmentation does not have."""
        return 1 - self.n_segmented / self.n_matches if self.n_matches else 0.0


class SegmentedLayer:
    """A layer's tokens, which count only where they are in the segmentation of a text.

    Args:
        layer: the layer, N tokens.
        made: the segmentation by its tokens.
        alphabet: what encodes the texts, which have been cleaned.

    """

    def __init__(self, layer: TokenLayer, made: Segmentation, alphabet: Alphabet) -> None:
        self._tokenizer = Tokenizer.from_str(made.tokenizer.to_str())
        self._tokenizer.normalizer = None  # the texts are clean
        self._signs = _signs(alphabet)
        self._N = layer.vocab_size
        self._token_ids = torch.full((self._tokenizer.get_vocab_size(),), -1)
        self._token_ids[made.numbers] = torch.tensor(made.token_ids)

    def __call__(self, codes: Tensor) -> tuple[Matches, int]:
        """The matches in codes (b, W), and how many tokens and characters the segmentations consist of."""
        texts = ["".join(self._signs[code] for code in row).rstrip(self._signs[-1]) for row in codes.tolist()]
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        text = torch.repeat_interleave(torch.tensor([len(encoding.ids) for encoding in encodings]))
        position = torch.tensor([begin for encoding in encodings for begin, _ in encoding.offsets], dtype=torch.long)
        numbers = torch.tensor([number for encoding in encodings for number in encoding.ids], dtype=torch.long)
        token_id = self._token_ids[numbers]
        known = token_id >= 0
        shape = (len(codes), self._N, codes.shape[1])
        return Matches(text[known], position[known], token_id[known], shape), len(text)


@torch.no_grad()
def count_seen(layer: TokenLayer, made: Segmentation, alphabet: Alphabet, batches: Iterable[Tensor]) -> Seen:
    """Count the matches of a layer in texts, and those that are in their segmentation.

    Args:
        layer: the layer.
        made: the segmentation by its tokens.
        alphabet: what encoded the texts.
        batches: the codes (b, W) of some texts each.

    """
    segmented = SegmentedLayer(layer, made, alphabet)
    counted = torch.zeros(layer.vocab_size, dtype=torch.bool)
    counted[list(made.token_ids)] = True
    n_texts = n_characters = n_pieces = n_matches = n_segmented = 0
    for codes in batches:
        # With room behind them: the layer's tokens are as long as the longest.
        padded = F.pad(codes, (0, layer.max_token_length), value=alphabet.none_code)
        n_matches += int(counted[layer(padded).matches.token_id].sum())
        matches, pieces = segmented(codes)
        n_segmented += len(matches)
        n_pieces += pieces
        n_texts += len(codes)
        n_characters += int((codes != alphabet.none_code).sum())
    return Seen(n_texts, n_characters, n_pieces, n_matches, n_segmented)


def _signs(alphabet: Alphabet) -> tuple[str, ...]:
    """A character for each code, that of no character included: all different."""
    unknown = unknown_sign(alphabet)
    signs = [unknown if symbol == UNKNOWN else symbol for symbol in alphabet.symbols]
    return (*signs, next(sign for sign in map(chr, _PRIVATE) if sign not in signs))
