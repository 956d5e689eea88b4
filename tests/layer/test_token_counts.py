"""Tokens counted by plain tensor operations, against the layer's matches."""

import pytest
import torch

from tokenlayer import InputError, TokenCounts, Vocabulary, VocabularyLayer

C, K = 5, 4


def counted(layer: VocabularyLayer, codes: torch.Tensor) -> torch.Tensor:
    """(B, N), by the matches of the layer."""
    matches = layer(codes).matches
    counts = torch.zeros(len(codes), layer.vocab_size)
    return counts.index_put((matches.text, matches.token_id), torch.ones(len(matches.text)), accumulate=True)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8])
def test_counts_are_those_of_the_matches(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, C, (40, K), generator=generator)
    lengths = torch.randint(1, K + 1, (40, 1), generator=generator)
    tokens[torch.arange(K) >= lengths] = -1
    tokens[7] = tokens[3]  # the same string twice
    layer = VocabularyLayer(Vocabulary(tokens), C)
    codes = torch.cat([torch.randint(0, C + 1, (30, 50), generator=generator), torch.full((30, K - 1), C)], 1)
    found = TokenCounts(layer)(codes.to(dtype))
    assert torch.equal(found, counted(layer, codes))
    assert found.max() > 5
    assert (found == 0).any()


def test_it_is_exported() -> None:
    layer = VocabularyLayer(Vocabulary(torch.tensor([[0, 1, -1, -1], [1, 2, 3, 0]])), C)
    codes = torch.full((2, 9), C)
    codes[0, :4] = torch.tensor([1, 2, 3, 0])
    codes[1, :4] = torch.tensor([0, 1, 0, 1])
    program = torch.export.export(TokenCounts(layer), (codes,)).module()
    assert program(codes).tolist() == [[0.0, 1.0], [2.0, 0.0]]


def test_blanks_before_the_end_are_refused() -> None:
    layer = VocabularyLayer(Vocabulary(torch.tensor([[0, -1, 1, -1]])), C)
    with pytest.raises(InputError, match="blanks before their end"):
        TokenCounts(layer)
