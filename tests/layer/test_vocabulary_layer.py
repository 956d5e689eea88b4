"""The token layer and its embedding, against the oracle's dense sums."""

import dense_oracle as oracle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from layer_cases import cases, make_case

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.matching import match
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.text.alphabet import BLANK, Alphabet

ABC = Alphabet("abc")
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def layer_of(*tokens):
    codes = [[BLANK if sign == "█" else ABC.symbols.index(sign) for sign in token] for token in tokens]
    return VocabularyLayer(Vocabulary(torch.tensor(codes)), ABC.size)


def found(layer, text):
    """Position and token of each match in one text."""
    codes = torch.from_numpy(ABC.encode(text).astype(np.int64))[None]
    tokens, matches = layer.vocabulary().decode(ABC), layer(codes).matches
    return [(t, tokens[n]) for t, n in zip(matches.position.tolist(), matches.token_id.tolist(), strict=True)]


def layers_of(case):
    """A layer with the codes of the case's patterns, whose ties are here the first of the equal characters."""
    largest = case.P.argmax(0)
    codes = torch.tensor(np.where(case.P.sum(0) > 0, largest, BLANK).T)
    embedding = TokenEmbedding(*case.E.shape).double()
    with torch.no_grad():
        embedding.weight.copy_(torch.tensor(case.E))
    return VocabularyLayer(Vocabulary(codes), case.C), embedding


def dense_of(layer, case):
    """(B, N, L) matches, by the oracle's convolution with one-hot patterns."""
    codes = layer.codes.numpy()
    patterns = np.stack([oracle.one_hot(codes[n : n + 1], case.C)[0] for n in range(len(codes))], axis=2)
    blank = codes == BLANK
    patterns[:, blank.T] = 0
    return oracle.matches(patterns, oracle.one_hot(case.codes, case.C))


@given(cases())
@settings(max_examples=60, deadline=None)
def test_embedded_texts_and_the_gradient_of_the_vectors_are_the_dense_ones(case):
    layer, embedding = layers_of(case)
    M = dense_of(layer, case)
    tokens = layer(torch.tensor(case.codes))
    np.testing.assert_array_equal(tokens.dense().numpy(), M)
    embedded = embedding(tokens)
    np.testing.assert_allclose(embedded.detach().numpy(), oracle.embedded(M, case.E), **CLOSE)
    embedded.backward(torch.tensor(case.g))
    np.testing.assert_allclose(embedding.weight.grad.numpy(), oracle.grad_embedding(case.g, M), **CLOSE)


@given(cases())
@settings(max_examples=40, deadline=None)
def test_pooled_texts_are_the_sums_over_their_positions(case):
    layer, embedding = layers_of(case)
    M = dense_of(layer, case)
    tokens = layer(torch.tensor(case.codes))
    g = case.g[:, 0]
    for matches, counts in ((None, M.sum(2)), (tokens.matches.distinct(), (M.sum(2) > 0).astype(float))):
        embedding.weight.grad = None
        pooled = embedding.pooled(tokens, matches)
        np.testing.assert_allclose(pooled.detach().numpy(), counts @ case.E, **CLOSE)
        pooled.backward(torch.tensor(g))
        np.testing.assert_allclose(embedding.weight.grad.numpy(), counts.T @ g, **CLOSE)


@pytest.mark.parametrize("pooled", [False, True])
def test_numeric_gradient_of_the_vectors(pooled):
    case = make_case(B=3, L=12, C=3, K=2, N=9, D=2, seed=1)
    layer, embedding = layers_of(case)
    tokens = layer(torch.tensor(case.codes))
    assert len(tokens.matches) > 20
    weight = embedding.weight.detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda E: tokens.embed(E, tokens.matches, pooled=pooled), (weight,))


def test_initial_vectors_are_glorot_uniform():
    weight = TokenEmbedding(2000, 4).weight.detach()
    limit = (6 / 2004) ** 0.5
    assert weight.shape == (2000, 4)
    assert weight.abs().max() <= limit
    assert weight.std() == pytest.approx(limit / 3**0.5, rel=0.02)


def test_the_layer_does_not_share_the_codes_that_it_was_given():
    codes = torch.tensor([[0, 1]])
    layer = VocabularyLayer(Vocabulary(codes), 3)
    codes[0, 0] = 2
    assert layer.vocabulary().decode(ABC) == ["ab"]


def test_replaced_tokens_are_matched_at_once_and_former_ones_no_more():
    layer = layer_of("ab█", "bc█", "c██")
    assert found(layer, "abcaa") == [(0, "ab█"), (1, "bc█"), (2, "c██")]
    before = layer.vocabulary()
    layer.replace(torch.tensor([2, 0]), torch.tensor([[0, 0, BLANK], [1, 2, 0]]))
    assert found(layer, "abcaaa") == [(1, "bca"), (1, "bc█"), (3, "aa█")]
    assert before.decode(ABC) == ["ab█", "bc█", "c██"], "a vocabulary once read does not change"


def test_a_vocabulary_that_is_set_replaces_all():
    layer = layer_of("ab", "bc")
    assert found(layer, "abc") == [(0, "ab"), (1, "bc")]
    layer.set_vocabulary(layer_of("ca", "b█").vocabulary())
    assert found(layer, "abca") == [(1, "b█"), (2, "ca")]


def test_a_loaded_state_is_matched():
    layer = layer_of("ab", "bc")
    assert found(layer, "abca") == [(0, "ab"), (1, "bc")]
    layer.load_state_dict(layer_of("bc", "ca").state_dict())
    assert found(layer, "abca") == [(1, "bc"), (2, "ca")]
    assert list(layer.state_dict()) == ["codes"]


def test_as_long_as_no_token_changes_one_index_serves_all_batches():
    layer = layer_of("ab")
    first = layer.index()
    assert layer.index() is first
    assert layer(torch.zeros(1, 4, dtype=torch.int64)).vocabulary is first.vocabulary
    layer.replace(torch.tensor([0]), torch.tensor([[1, 1]]))
    assert layer.index() is not first


def test_nothing_in_the_layer_is_trained_by_gradients():
    layer = layer_of("ab")
    assert list(layer.parameters()) == []
    assert layer.character_gradient() is None


@pytest.mark.parametrize("code", [-1, 4])
def test_codes_outside_the_alphabet_are_refused(code):
    with pytest.raises(ValueError, match=r"codes must be 0\.\.3"):
        layer_of("ab")(torch.tensor([[0, code, 1]]))


def test_an_empty_batch():
    tokens = layer_of("ab")(torch.empty(0, 4, dtype=torch.uint8))
    assert len(tokens.matches) == 0
    assert TokenEmbedding(1, 2)(tokens).shape == (0, 4, 2)


def test_moving_to_another_kind_of_number_leaves_codes_alone():
    layer = layer_of("ab").double()
    assert layer.codes.dtype == torch.int64
    assert match(torch.tensor([[0, 1]]), layer.vocabulary(), 3).position.tolist() == [0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("C", [3, 30, 181, 300])
def test_a_gpu_gives_the_same_matches_vectors_and_gradients(C):
    case = make_case(B=8, L=100, C=C, K=4, N=130, D=2, seed=C)
    results = []
    for device in ("cpu", "cuda"):
        layer, embedding = (module.to(device) for module in layers_of(case))
        tokens = layer(torch.tensor(case.codes, device=device))
        embedded, pooled = embedding(tokens), embedding.pooled(tokens)
        (embedded * torch.tensor(case.g, device=device)).sum().backward()
        results.append((tokens.matches, embedded.detach(), pooled.detach(), embedding.weight.grad))
    (on_cpu, *cpu), (on_gpu, *gpu) = results
    assert len(on_cpu) > 100
    for name in ("text", "position", "token_id"):
        assert torch.equal(getattr(on_cpu, name), getattr(on_gpu, name).cpu())
    for expected, actual in zip(cpu, gpu, strict=True):
        np.testing.assert_allclose(actual.cpu().numpy(), expected.numpy(), **CLOSE)
