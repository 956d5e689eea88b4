import math

import pytest
import torch
from head_cases import C, L, classifier, read, texts

from tokenlayer.layer.matching import Matches
from tokenlayer.models.heads.attention import AttentionHeadConfig
from tokenlayer.models.heads.conv import ConvHeadConfig
from tokenlayer.models.heads.sequence import kept_matches, token_sequence


def matches(*rows):
    text, position, token_id = torch.tensor(rows).long().reshape(-1, 3).T
    return Matches(text, position, token_id, (3, 9, 20))


FOUND = matches((0, 2, 5), (0, 2, 7), (0, 9, 5), (2, 0, 8))


def test_a_sequence_holds_the_matches_in_their_order():
    sequence = token_sequence(FOUND, 10)
    assert sequence.token_id.tolist() == [[5, 7, 5], [0, 0, 0], [8, 0, 0]]
    assert sequence.position.tolist() == [[2, 2, 9], [0, 0, 0], [0, 0, 0]]
    assert sequence.there.tolist() == [[True, True, True], [False] * 3, [True, False, False]]


def test_the_last_matches_of_a_long_text_are_dropped():
    sequence = token_sequence(FOUND, 2)
    assert sequence.token_id.tolist() == [[5, 7], [0, 0], [8, 0]]
    assert sequence.there.sum(1).tolist() == [2, 0, 1]


def test_without_any_match_there_is_one_empty_place():
    sequence = token_sequence(matches(), 10)
    assert sequence.token_id.shape == sequence.position.shape == (3, 1)
    assert not sequence.there.any()


def random_matches(B=7, N=20, L=60, seed=0):
    dense = (
        torch.rand(B, L, N, generator=torch.Generator().manual_seed(seed)) < torch.linspace(0, 0.02, B)[:, None, None]
    )
    text, position, token_id = dense.nonzero(as_tuple=True)
    return Matches(text, position, token_id, (B, N, L))


def indices_kept(keep, strengths, max_tokens):
    """By the definition: which of a text's matches, of these strengths, are read."""
    n = len(strengths)
    if keep == "first" or n <= max_tokens:
        return list(range(min(n, max_tokens)))
    if keep == "spread":  # the j-th is the first with (j + 1/2) · n / max_tokens matches up to it
        return [math.ceil(((j + 1) * n - n // 2) / max_tokens) - 1 for j in range(max_tokens)]
    return sorted(sorted(range(n), key=lambda i: -strengths[i])[:max_tokens])


@pytest.mark.parametrize("keep", ["first", "spread", "strongest"])
@pytest.mark.parametrize("max_tokens", [1, 4, 7, 100])
def test_the_matches_of_a_long_text_that_are_read(keep, max_tokens):
    found = random_matches()
    vectors = torch.randn(20, 2).round()  # some as long as others
    kept = kept_matches(found, max_tokens, keep, vectors)
    rows = list(zip(found.text.tolist(), found.position.tolist(), found.token_id.tolist(), strict=True))
    expected = []
    for text in range(found.shape[0]):
        of_text = [row for row in rows if row[0] == text]
        strengths = [vectors[row[2]].norm().item() for row in of_text]
        chosen = indices_kept(keep, strengths, max_tokens)
        assert len(chosen) == min(len(of_text), max_tokens)
        expected += [of_text[i] for i in chosen]
    assert list(zip(kept.text.tolist(), kept.position.tolist(), kept.token_id.tolist(), strict=True)) == expected
    assert kept.shape == found.shape


def test_spread_matches_are_evenly_apart():
    found = Matches(torch.zeros(100).long(), torch.arange(100), torch.zeros(100).long(), (1, 1, 100))
    places = kept_matches(found, 7, "spread", torch.ones(1, 1)).position
    assert set(places.diff().tolist()) == {14, 15}
    assert 5 <= places[0] <= 9
    assert 5 <= 99 - places[-1] <= 9


@pytest.mark.parametrize("name", ["conv", "attention"])
def test_tokens_behind_the_longest_sequence_enter_by_the_linear_path_alone(name):
    model = classifier(name).eval()
    full = torch.tensor([[0, 0, 0, 0, 0, 0, 0, C, 1, 2, C, C]])  # [0, 0] six times, all that is read, then [1, 2]
    tokens = model.tokenization(full)
    before = read(model, tokens)
    with torch.no_grad():
        model.head.vectors.weight[2] += 1
    torch.testing.assert_close(read(model, tokens).logits, before.logits, rtol=0, atol=0)
    with torch.no_grad():
        model.embedding.weight[2] += 1
    assert not torch.allclose(read(model, tokens).logits, before.logits)


def test_convolution_over_tokens_is_that_of_their_vectors():
    model = classifier("conv").eval()
    head = model.head
    codes = torch.tensor([[0, 1, C, C, 1, 2, C, 2, 0, C, C, C]])  # tokens 1, 2, 3
    vectors = head.vectors.weight[[1, 2, 3]].T.unsqueeze(0)  # (1, width, 3)
    nothing = torch.zeros_like(vectors)
    padded = torch.cat([nothing, vectors, nothing], dim=2)
    found = torch.cat([torch.conv1d(padded, f.weight, f.bias).amax(2).relu() for f in head.responses.filters], dim=1)
    tokens = model.tokenization(codes)
    linear = head.linear(tokens, model.embedding).logits
    torch.testing.assert_close(read(model, tokens).logits, linear + head.out(found))


def test_attention_knows_where_in_the_text_a_token_stands():
    model = classifier("attention").eval()
    at = [torch.full((1, L), C) for _ in range(2)]
    at[0][0, :2] = at[1][0, 8:10] = torch.tensor([0, 1])
    assert (model(at[0]).logits - model(at[1]).logits).abs().item() > 1e-6


@pytest.mark.parametrize("name", ["conv", "conv_positions", "attention"])
def test_dropout_is_that_of_the_global_generator_and_of_training_alone(name):
    model, codes = classifier(name, dropout=0.5), texts()
    torch.manual_seed(3)
    first, second = model(codes).logits, model(codes).logits
    torch.manual_seed(3)
    assert torch.equal(model(codes).logits, first)
    assert not torch.equal(first, second)
    model.eval()
    assert torch.equal(model(codes).logits, model(codes).logits)


@pytest.mark.parametrize("name", ["conv", "conv_positions", "attention"])
def test_gradients_are_the_same_each_time(name):
    model = classifier(name)
    model.float()
    torch.use_deterministic_algorithms(True)
    try:
        kept = []
        for _ in range(2):
            model.zero_grad()
            model.loss(model(texts(32)), torch.arange(32) % 2).backward()
            kept.append([parameter.grad.clone() for parameter in model.parameters()])
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(first, again) for first, again in zip(*kept, strict=True))


def test_values_that_cannot_work():
    attention = AttentionHeadConfig(width=10, n_layers=0, n_heads=4, dropout=1.0, max_tokens=0)
    assert {field for field, _ in attention.problems()} == {"width", "n_layers", "max_tokens", "dropout"}
    assert ("width", "10 is no multiple of n_heads=4") in list(attention.problems())
    conv = ConvHeadConfig(n_filters=0, kernel_sizes=[], dropout=-0.1, width=0, max_tokens=0)
    assert [field for field, _ in conv.problems()] == ["n_filters", "width", "max_tokens", "kernel_sizes", "dropout"]
    for config in (AttentionHeadConfig(), ConvHeadConfig(), ConvHeadConfig("positions")):
        assert list(config.problems()) == []
