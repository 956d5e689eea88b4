import dense_oracle as oracle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from layer_cases import cases, make_case

from tokenlayer.layer.layer import EmbeddingLayer, TokenizationLayer
from tokenlayer.layer.matching import match
from tokenlayer.layer.statistics import (
    layer_moments,
    match_gradient_moments,
    match_moments,
    parameter_moments,
)
from tokenlayer.layer.vocabulary import discretise
from tokenlayer.models.classifier import TokenizationClassifier
from tokenlayer.original.flatten import FlattenHead


def assert_moments(actual, expected, spread):
    """`spread` is the size of the numbers: a variance by difference of squares loses what is 1e-8 of it."""
    np.testing.assert_allclose([float(x) for x in actual], expected, rtol=1e-9, atol=1e-7 * spread)


def test_moments_of_a_layer_and_of_a_parameter():
    x = np.random.default_rng(0).normal(2, 3, (4, 5, 6))
    assert_moments(layer_moments(torch.tensor(x)), oracle.moments(x), spread=0)
    assert_moments(parameter_moments(torch.tensor(x)), (x.mean(), x.std()), spread=0)


def test_moments_of_one_number_a_text_have_no_spread():
    mean, std = layer_moments(torch.tensor([0.25, 0.75]))
    assert (float(mean), float(std)) == (0.5, 0)


@given(cases())
@settings(max_examples=80, deadline=None)
def test_moments_of_matches_are_those_of_the_dense_output(case):
    codes, P, _, _ = case.tensors()
    found = match(codes, discretise(P), case.C)
    dense = oracle.matches(case.P, oracle.one_hot(case.codes, case.C))
    assert_moments(match_moments(found, torch.float64), oracle.moments(dense), spread=1)


@given(cases())
@settings(max_examples=80, deadline=None)
def test_moments_of_the_gradient_are_those_of_the_dense_gradient(case):
    _, _, E, g = case.tensors()
    U = oracle.grad_matches(case.g, case.E)
    assert_moments(match_gradient_moments(g, E), oracle.moments(U), spread=np.abs(U).max())


@pytest.mark.parametrize("D", [1, 3])
def test_on_a_model_without_batch_norm_the_factorised_gradient_is_what_autograd_gives(D):
    """Batch norm behind the embedding would make both zero."""
    case = make_case(B=4, L=20, C=7, K=2, N=30, D=D, seed=D)
    codes, P, _, _ = case.tensors()
    torch.manual_seed(0)
    model = TokenizationClassifier(
        TokenizationLayer(30, lambda _: P, max_token_length=2, n_characters=7),
        EmbeddingLayer(D, 30),
        FlattenHead(20 * D, 8, 1, batch_norm=False),
        n_classes=2,
        n_outputs=1,
    ).double()
    labels = torch.tensor([0, 1, 1, 0])

    stages = model(codes, return_intermediates=True)
    stages.embedding.retain_grad()
    model.loss(stages.out, labels).backward()
    factorised = match_gradient_moments(stages.embedding.grad, model.embedding.weight)

    dense = stages.tokenization.detach().requires_grad_()  # (B, N, L)
    out = model.probabilities(model.head.read(model.embedding(dense.transpose(1, 2))).logits)
    model.loss(out, labels).backward()
    expected = oracle.moments(dense.grad.numpy())
    assert expected[1] > 1e-4
    np.testing.assert_allclose([float(x) for x in factorised], expected, rtol=1e-9)
    assert_moments(match_moments(stages.tokens.matches, torch.float64), oracle.moments(dense.detach().numpy()), 1)
