"""Words as tokens: a token counts where it is a whole word of the text."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tokenlayer.layer.matchers import Matcher
from tokenlayer.layer.matching import Matches, PatternIndex
from tokenlayer.text.alphabet import BLANK


class WordMatcher(Matcher):
    """The occurrences that begin and end at a boundary: a space, the text's end, or a code of no character.

    The blanks at a token's end are no part of the word. Words at the very end of a text count as well, where the
    tokens themselves, longer than the words, would stick out.

    Args:
        space_code: the code of the space.

    """

    def __init__(self, space_code: int) -> None:
        super().__init__()
        self.space_code = space_code

    def forward(self, codes: Tensor, index: PatternIndex) -> Matches:
        B, L = codes.shape
        none_code = index.n_characters
        K = index.vocabulary.max_token_length
        found = index.match(F.pad(codes, (0, K), value=none_code))
        length = word_lengths(index.vocabulary.codes)[found.token_id]
        # Column 0 is the boundary before the text; K columns of no character follow it.
        boundary = F.pad((codes == self.space_code) | (codes == none_code), (1, K + 1), value=True)
        whole = boundary[found.text, found.position] & boundary[found.text, found.position + length + 1]
        kept = (whole & (length > 0) & (found.position < L)).nonzero()[:, 0]
        shape = (B, index.vocabulary.vocab_size, L)
        return Matches(found.text[kept], found.position[kept], found.token_id[kept], shape)

    def extra_repr(self) -> str:
        return f"space_code={self.space_code}"


def word_lengths(codes: Tensor) -> Tensor:
    """(N,): the characters of tokens (N, K) up to the last that is no blank."""
    place = torch.arange(1, codes.shape[1] + 1, device=codes.device)
    return torch.where(codes == BLANK, 0, place).amax(1)
