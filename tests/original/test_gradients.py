import dense_oracle as oracle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from layer_cases import cases, make_case

from tokenlayer.layer.matching import match
from tokenlayer.original.gradients import EmbedPatternMatches, character_histogram, dense_matches, sigma
from tokenlayer.original.patterns import discretise

CLOSE = {"rtol": 1e-10, "atol": 1e-10}  # float64 sums of some thousand numbers of size one


def embed(case):
    """Embedded text, and the tensors that it depends on, in float64."""
    codes, P, E, _ = case.tensors()
    P.requires_grad_()
    E.requires_grad_()
    return EmbedPatternMatches.apply(P, E, codes, match(codes, discretise(P), case.C)), P, E


def test_sigma_is_the_formula_inside_and_zero_outside():
    x = np.concatenate([np.linspace(-1, 2, 301), [0, 1, 1e-12, 1 - 1e-12]])
    np.testing.assert_allclose(sigma(torch.tensor(x)).numpy(), oracle.sigma(x), rtol=1e-9, atol=1e-30)
    assert (sigma(torch.tensor([-0.5, 0.0, 1.0, 1.5])) == 0).all()


def test_sigma_in_single_precision_stays_finite_and_close_up_to_the_edges():
    x = torch.linspace(-0.1, 1.1, 10001)
    np.testing.assert_allclose(sigma(x).numpy(), oracle.sigma(x.double().numpy()), rtol=1e-4, atol=1e-6)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_histogram_counts_what_each_character_receives_in_each_column(case):
    B, _, L = case.shape
    C, K, _ = case.P.shape
    expected = np.zeros((C, K, case.g.shape[2]))
    for b in range(B):
        for t in range(max(L - K + 1, 0)):
            for k in range(K):
                if case.codes[b, t + k] < C:
                    expected[case.codes[b, t + k], k] += case.g[b, t]
    codes, _, _, g = case.tensors()
    np.testing.assert_allclose(character_histogram(codes, g, K, C).numpy(), expected, **CLOSE)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_embedding_of_matches_and_its_factorised_gradients_are_the_dense_ones(case):
    embedded, P, E = embed(case)
    X = oracle.one_hot(case.codes, case.C)
    M = oracle.matches(case.P, X)
    np.testing.assert_allclose(embedded.detach().numpy(), oracle.embedded(M, case.E), **CLOSE)
    embedded.backward(torch.tensor(case.g))
    U = oracle.grad_matches(case.g, case.E)
    np.testing.assert_allclose(P.grad.numpy(), oracle.grad_patterns(U, case.P, X), **CLOSE)
    np.testing.assert_allclose(E.grad.numpy(), oracle.grad_embedding(case.g, M), **CLOSE)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_dense_output_and_its_gradients_with_respect_to_patterns_and_text(case):
    X = oracle.one_hot(case.codes, case.C)
    text = torch.tensor(X, requires_grad=True)
    P = torch.tensor(case.P, requires_grad=True)
    U = np.random.default_rng(0).normal(size=case.shape)
    out = dense_matches(P, text)
    np.testing.assert_array_equal(out.detach().numpy(), oracle.matches(case.P, X))
    out.backward(torch.tensor(U))
    np.testing.assert_allclose(P.grad.numpy(), oracle.grad_patterns(U, case.P, X), **CLOSE)
    np.testing.assert_allclose(text.grad.numpy(), oracle.grad_text(U, case.P, X), **CLOSE)


def test_numeric_gradient_of_the_embedding():
    """In the patterns the output is a step function: only the embedding has a derivative to check."""
    codes, P, E, _ = make_case(B=3, L=12, C=3, K=2, N=9, D=2, seed=1).tensors()
    matches = match(codes, discretise(P), 3)
    assert len(matches) > 20
    E.requires_grad_()
    assert torch.autograd.gradcheck(lambda E: EmbedPatternMatches.apply(P, E, codes, matches), (E,))


@pytest.mark.parametrize("frozen", ["patterns", "embedding"])
def test_what_is_frozen_gets_no_gradient(frozen):
    case = make_case(B=2, L=10, C=3, K=2, N=5, D=1, seed=2)
    codes, P, E, g = case.tensors()
    P.requires_grad_(frozen != "patterns")
    E.requires_grad_(frozen != "embedding")
    EmbedPatternMatches.apply(P, E, codes, match(codes, discretise(P), 3)).backward(g)
    assert (P.grad is None) == (frozen == "patterns")
    assert (E.grad is None) == (frozen == "embedding")


def test_the_same_step_twice_gives_the_same_bits():
    case = make_case(B=16, L=400, C=30, K=5, N=300, D=3, seed=3)
    gradients = []
    for _ in range(2):
        codes, P, E, g = (x.float() if x.is_floating_point() else x for x in case.tensors())
        P.requires_grad_()
        E.requires_grad_()
        EmbedPatternMatches.apply(P, E, codes, match(codes, discretise(P), 30)).backward(g)
        gradients.append((P.grad, E.grad))
    assert torch.equal(gradients[0][0], gradients[1][0])
    assert torch.equal(gradients[0][1], gradients[1][1])
    assert gradients[0][0].abs().max() > 0
