"""The original's 20 columns, against dense tensors and autograd."""

import dense_oracle as oracle
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from layer_cases import Case, cases, make_case

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.models.output import ModelOutput
from tokenlayer.original.flatten_head import FlattenHead
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.network import OriginalClassifier
from tokenlayer.original.statistics import COLUMNS, OriginalStatistics, layer_moments, match_gradient_moments

B, L, C, K, N = 4, 20, 7, 2, 30
LABELS = torch.tensor([0, 1, 1, 0])


def model_of(case, n_outputs=1, batch_norm=False):
    D = case.E.shape[1]
    torch.manual_seed(0)
    return OriginalClassifier(
        TokenizationLayer(N, lambda _: torch.tensor(case.P), K, C),
        TokenEmbedding(N, D),
        FlattenHead(L * D, 8, n_outputs, batch_norm),
        n_classes=max(n_outputs, 2),
        n_outputs=n_outputs,
    ).double()


def dense_pass(model, codes):
    """What the model computes, with the dense matches (B, N, L) as a leaf of the graph."""
    dense = model.stages(codes).tokenization.detach().requires_grad_()
    embedded = dense.transpose(1, 2) @ model.embedding.weight
    embedded.retain_grad()
    head = model.head.read(embedded)
    head.hidden.retain_grad()
    output = ModelOutput(head.logits, embedded, head.hidden, model(codes).tokens)
    output.probabilities.retain_grad()
    model.loss(output, LABELS).backward()
    layers = {"out": output.probabilities, "dense": head.hidden, "embedding": embedded, "tokenization": dense}
    return {name: (value.detach().numpy(), value.grad.numpy()) for name, value in layers.items()}


def test_moments_of_a_layer():
    x = np.random.default_rng(0).normal(2, 3, (4, 5, 6))
    np.testing.assert_allclose([float(m) for m in layer_moments(torch.tensor(x))], oracle.moments(x), rtol=1e-9)


def test_moments_of_one_number_a_text_have_no_spread():
    mean, std = layer_moments(torch.tensor([0.25, 0.75]))
    assert (float(mean), float(std)) == (0.5, 0)


@given(cases())
@example(
    Case(
        codes=np.array([[2]]),
        P=np.zeros((31, 1, 1)),
        E=np.array([[-0.88645994, -0.29172023, 0.88253897]]),
        g=np.array([[[0.58035002, 0.0915167, 0.67010435]]]),
    )
)
@settings(max_examples=80, deadline=None)
def test_moments_of_the_gradient_are_those_of_the_dense_gradient(case):
    _, _, E, g = case.tensors()
    U = oracle.grad_matches(case.g, case.E)
    found = [float(m) for m in match_gradient_moments(g, E)]
    np.testing.assert_allclose(found, oracle.moments(U), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("D", "n_outputs"), [(1, 1), (3, 1), (3, 4)])
def test_every_column_is_what_the_dense_model_and_autograd_give(D, n_outputs):
    """Without batch norm, which behind the embedding would make both gradients there zero."""
    case = make_case(B=B, L=L, C=C, K=K, N=N, D=D, seed=D)
    codes = torch.tensor(case.codes)
    expected = dense_pass(model_of(case, n_outputs), codes)

    model = model_of(case, n_outputs)
    statistics = model.statistics()
    assert isinstance(statistics, OriginalStatistics)
    output = model(codes)
    statistics.watch(output)
    model.loss(output, LABELS).backward()
    gradients = statistics.gradient_columns([statistics.gradients()])
    values = statistics.value_columns([statistics.values(output)])
    assert tuple(gradients) == tuple(values) == COLUMNS
    for name, (value, gradient) in expected.items():
        assert np.abs(gradient).max() > 0
        for row, x in ((values, value), (gradients, gradient)):
            found = [*row[f"{name}_mean"], *row[f"{name}_std"]]
            np.testing.assert_allclose(found, oracle.moments(x), rtol=1e-6, atol=1e-9)
    for name, parameter in statistics.parameters.items():
        for row, x in ((values, parameter.detach().numpy()), (gradients, parameter.grad.numpy())):
            np.testing.assert_allclose(
                [*row[f"{name}_mean"], *row[f"{name}_std"]], [x.mean(), x.std()], rtol=1e-6, atol=1e-9
            )


def test_each_step_is_watched_anew():
    case = make_case(B=B, L=L, C=C, K=K, N=N, D=1, seed=1)
    model, codes = model_of(case), torch.tensor(case.codes)
    statistics = model.statistics()
    steps = []
    for labels in (LABELS, 1 - LABELS, LABELS):
        model.zero_grad()
        output = model(codes)
        statistics.watch(output)
        model.loss(output, labels).backward()
        steps.append(statistics.gradients())
    columns = statistics.gradient_columns(steps).values()
    assert all(first == last for first, _, last in columns)
    assert any(first != middle for first, middle, _ in columns)
