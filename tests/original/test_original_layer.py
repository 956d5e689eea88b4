import dense_oracle as oracle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from layer_cases import cases, make_case

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.original.gaussian_initializer import PatternsInitializerGaussian
from tokenlayer.original.gradients import DenseMatch
from tokenlayer.original.layer import EmbeddingLayer, TokenizationLayer
from tokenlayer.original.max_cover_initializer import PatternsInitializerMaxCover
from tokenlayer.original.patterns import one_hot
from tokenlayer.text.alphabet import BLANK

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def layers_of(case):
    tokenization = TokenizationLayer(case.P.shape[2], lambda _: torch.tensor(case.P), case.P.shape[1], case.C)
    embedding = EmbeddingLayer(case.E.shape[1], case.P.shape[2]).double()
    with torch.no_grad():
        embedding.weight.copy_(torch.tensor(case.E))
    return tokenization, embedding


@given(cases())
@settings(max_examples=50, deadline=None)
def test_codes_and_one_hot_text_give_the_same_output_and_gradients(case):
    results = []
    for sparse in (True, False):
        tokenization, embedding = layers_of(case)
        codes = torch.tensor(case.codes)
        if sparse:
            embedded = embedding(tokenization(codes))
        else:
            text = one_hot(codes, case.C, torch.float64).unsqueeze(3)  # (B, C, L, 1), as the original has it
            embedded = embedding(tokenization(text).squeeze(3).transpose(1, 2))
        embedded.backward(torch.tensor(case.g))
        results.append((embedded.detach(), tokenization.patterns.grad, embedding.weight.grad))
    for sparse_result, dense_result in zip(*results, strict=True):
        np.testing.assert_allclose(sparse_result.numpy(), dense_result.numpy(), **CLOSE)


@given(cases())
@settings(max_examples=30, deadline=None)
def test_dense_output_of_codes_is_differentiable(case):
    tokenization, _ = layers_of(case)
    U = np.random.default_rng(1).normal(size=case.shape)
    X = oracle.one_hot(case.codes, case.C)
    dense = tokenization(torch.tensor(case.codes)).dense()
    np.testing.assert_array_equal(dense.detach().numpy(), oracle.matches(case.P, X))
    dense.backward(torch.tensor(U))
    expected = oracle.grad_patterns(U, case.P, X)
    np.testing.assert_allclose(tokenization.patterns.grad.numpy(), expected, **CLOSE)


def test_one_layer_reads_matches_and_the_dense_output_at_once_and_adds_their_gradients():
    case = make_case(B=3, L=15, C=7, K=3, N=12, D=2, seed=4)
    U = np.random.default_rng(2).normal(size=case.shape)
    X = oracle.one_hot(case.codes, case.C)
    tokenization, embedding = layers_of(case)
    tokens = tokenization(torch.tensor(case.codes))
    loss = (embedding(tokens) * torch.tensor(case.g)).sum() + (tokens.dense() * torch.tensor(U)).sum()
    loss.backward()
    both = U + oracle.grad_matches(case.g, case.E)
    expected = oracle.grad_patterns(both, case.P, X)
    np.testing.assert_allclose(tokenization.patterns.grad.numpy(), expected, **CLOSE)


def test_the_originals_way_to_make_the_layers():
    """Seed document, "Defining the Model": the initializer knows the alphabet's size, the first input tells N."""
    generator = torch.Generator().manual_seed(0)
    initializer = PatternsInitializerMaxCover(
        "ab ba " * 20, "ab ", gram_lens=(2, 3), padding="blank", generator=generator
    )
    tokenization = TokenizationLayer(n_neurons=6, initializer=initializer, pattern_lens=max(initializer.gram_lens))
    embedding = EmbeddingLayer(embedding_length=2)
    assert tokenization.patterns.shape == (3, 3, 6)
    tokens = tokenization(torch.tensor([[0, 1, 2, 1, 0]]))  # "ab ba"
    assert len(tokens.matches) > 0
    assert embedding(tokens).shape == (1, 5, 2)
    assert embedding.weight.shape == (6, 2)


def test_the_layer_shows_its_sizes_by_the_original_names_too():
    layer = TokenizationLayer(4, PatternsInitializerGaussian(n_characters=7), 3)
    assert (layer.n_neurons, layer.pattern_lens) == (layer.vocab_size, layer.max_token_length) == (4, 3)
    assert str(layer) == "TokenizationLayer(n_neurons=4, pattern_lens=3)"


def test_a_vocabulary_that_is_set_is_what_the_patterns_stand_for():
    layer = TokenizationLayer(3, torch.zeros, 2, n_characters=3)
    assert layer.vocabulary().all_blank.all()
    tokens = Vocabulary(torch.tensor([[0, 1], [2, BLANK], [BLANK, BLANK]]))
    layer.set_vocabulary(tokens, torch.Generator().manual_seed(0))
    assert torch.equal(layer.vocabulary().codes, tokens.codes)
    first = layer.patterns.detach().clone()
    layer.set_vocabulary(tokens, torch.Generator().manual_seed(1))
    assert (layer.patterns != first).any(), "the generator decides the weights"
    assert layer.patterns.requires_grad
    layer.set_patterns(first)
    assert torch.equal(layer.patterns, first)


def test_the_summary_of_a_patterns_gradient_is_spread_and_mean():
    case = make_case(B=3, L=15, C=7, K=3, N=12, D=2, seed=4)
    tokenization, embedding = layers_of(case)
    assert tokenization.character_gradient() is None
    embedding(tokenization(torch.tensor(case.codes))).backward(torch.tensor(case.g))
    grad = tokenization.patterns.grad.numpy()
    expected = grad.std((0, 1)) + np.abs(grad.mean((0, 1)))
    assert expected.max() > 0
    np.testing.assert_allclose(tokenization.character_gradient().numpy(), expected, **CLOSE)


@pytest.mark.parametrize("presence", [False, True])
def test_pooled_vectors_pass_the_gradient_of_the_text_to_every_position(presence):
    """As the core's embedding, which the original's model uses, pools them."""
    case = make_case(B=3, L=15, C=7, K=3, N=12, D=2, seed=4)
    tokenization, _ = layers_of(case)
    embedding = TokenEmbedding(*case.E.shape).double()
    with torch.no_grad():
        embedding.weight.copy_(torch.tensor(case.E))
    X, g = oracle.one_hot(case.codes, case.C), case.g[:, 0]
    M = oracle.matches(case.P, X)
    tokens = tokenization(torch.tensor(case.codes))
    pooled = embedding.pooled(tokens, tokens.matches.distinct() if presence else None)
    counts = (M.sum(2) > 0).astype(float) if presence else M.sum(2)
    np.testing.assert_allclose(pooled.detach().numpy(), counts @ case.E, **CLOSE)
    pooled.backward(torch.tensor(g))
    everywhere = np.repeat(g[:, None], case.codes.shape[1], axis=1)
    expected = oracle.grad_patterns(oracle.grad_matches(everywhere, case.E), case.P, X)
    np.testing.assert_allclose(tokenization.patterns.grad.numpy(), expected, **CLOSE)
    np.testing.assert_allclose(embedding.weight.grad.numpy(), counts.T @ g, **CLOSE)


def test_without_the_alphabets_size_the_first_one_hot_text_gives_it():
    tokenization = TokenizationLayer(4, PatternsInitializerGaussian(), pattern_lens=3)
    embedding = EmbeddingLayer(2)
    with pytest.raises(ValueError, match="n_characters"):
        tokenization(torch.zeros(1, 5, dtype=torch.int64))
    out = tokenization(torch.zeros(2, 7, 10, 1))
    assert out.shape == (2, 4, 10, 1)
    assert tokenization.patterns.shape == (7, 3, 4)
    assert embedding(out.squeeze(3).transpose(1, 2)).shape == (2, 10, 2)
    assert {name for name, _ in tokenization.named_parameters()} == {"patterns"}


def test_a_lazy_layer_takes_the_precision_of_its_first_input():
    tokenization = TokenizationLayer(4, PatternsInitializerGaussian(), pattern_lens=3)
    embedding = EmbeddingLayer(2)
    embedding(tokenization(torch.zeros(2, 7, 10, dtype=torch.float64)).transpose(1, 2))
    assert tokenization.patterns.dtype == embedding.weight.dtype == torch.float64


def test_a_lazy_embedding_takes_its_size_from_matches_without_the_dense_output(monkeypatch):
    monkeypatch.setattr(DenseMatch, "apply", None)  # not to be called
    patterns = PatternsInitializerGaussian()((7, 3, 4)).double()
    original = TokenizationLayer(4, lambda _: patterns, pattern_lens=3, n_characters=7)
    core = VocabularyLayer(Vocabulary(torch.zeros(4, 3, dtype=torch.int64)), 7)
    for layer, dtype in ((original, torch.float64), (core, torch.float32)):
        embedding = EmbeddingLayer(2)
        assert embedding(layer(torch.zeros(2, 10, dtype=torch.uint8))).shape == (2, 10, 2)
        assert embedding.weight.shape == (4, 2)
        assert embedding.weight.dtype == dtype


def test_an_optimizer_made_before_the_first_input_trains_a_lazy_layer():
    embedding = EmbeddingLayer(2)
    optimizer = torch.optim.SGD(embedding.parameters(), lr=1.0)
    embedding(torch.ones(1, 3, 5)).sum().backward()
    before = embedding.weight.detach().clone()
    optimizer.step()
    torch.testing.assert_close(embedding.weight.detach(), before - 3)


def test_initial_embedding_is_glorot_uniform():
    torch.manual_seed(0)
    weight = EmbeddingLayer(4, 2000).weight.detach()
    limit = (6 / 2004) ** 0.5
    assert weight.abs().max() <= limit
    assert weight.std() == pytest.approx(limit / 3**0.5, rel=0.02)


@pytest.mark.parametrize("text", [torch.zeros(2, 3, 10), torch.zeros(2, 10)])
def test_one_hot_text_of_the_wrong_shape_is_refused(text):
    tokenization = TokenizationLayer(4, PatternsInitializerGaussian(n_characters=7), pattern_lens=3)
    with pytest.raises(ValueError, match=r"\(B, 7, L\)"):
        tokenization(text)


def test_an_initializer_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="initializer"):
        TokenizationLayer(4, lambda _: torch.zeros(1, 2, 3), pattern_lens=3, n_characters=7)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("C", [3, 30, 181, 300])
def test_a_gpu_gives_the_same_matches_and_gradients(C):
    case = make_case(B=8, L=100, C=C, K=4, N=130, D=2, seed=C)
    results = []
    for device in ("cpu", "cuda"):
        tokenization, embedding = (layer.to(device) for layer in layers_of(case))
        tokens = tokenization(torch.tensor(case.codes, device=device))
        embedded = embedding(tokens)
        embedded.backward(torch.tensor(case.g, device=device))
        results.append(
            (
                tokens.matches,
                embedded.detach(),
                tokenization.patterns.grad,
                embedding.weight.grad,
                tokens.dense(),
            )
        )
    (on_cpu, *cpu), (on_gpu, *gpu) = results
    assert len(on_cpu) > 100
    for name in ("text", "position", "token_id"):
        assert torch.equal(getattr(on_cpu, name), getattr(on_gpu, name).cpu())
    for expected, actual in zip(cpu, gpu, strict=True):
        np.testing.assert_allclose(actual.detach().cpu().numpy(), expected.detach().numpy(), **CLOSE)
