"""The core's loss, from logits, beside the original's, from clipped probabilities."""

import math

import pytest
import torch
from torch.nn import functional as F

from tokenlayer.models.losses import cross_entropy
from tokenlayer.original.keras import binary_crossentropy, categorical_crossentropy

B = 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_confidently_wrong_example_pulls_with_its_whole_error(dtype):
    """1/B · σ(20), where the original's clipped loss has no gradient left."""
    logits = torch.tensor([[20.0], [0.5], [-1.0], [2.0]], dtype=dtype, requires_grad=True)
    labels = torch.tensor([0, 1, 0, 1])
    cross_entropy(logits, labels).backward()
    sigma = 1 / (1 + math.exp(-20))
    assert float(logits.grad[0]) == pytest.approx(sigma / B, rel=1e-6)

    torchs = logits.detach().clone().requires_grad_()
    F.binary_cross_entropy_with_logits(torchs[:, 0], labels.to(dtype)).backward()
    torch.testing.assert_close(logits.grad, torchs.grad, rtol=0, atol=0)

    clipped = logits.detach().clone().requires_grad_()
    binary_crossentropy(clipped[:, 0].sigmoid(), labels).backward()
    assert clipped.grad[0] == 0
    torch.testing.assert_close(clipped.grad[1:], logits.grad[1:], rtol=1e-5, atol=1e-7)


def test_a_confidently_wrong_example_of_several_classes():
    logits = torch.tensor([[20.0, 0.0, -1.0], [0.5, 0.1, 0.3]], requires_grad=True)
    labels = torch.tensor([2, 1])
    cross_entropy(logits, labels).backward()
    expected = (logits.detach().softmax(1) - F.one_hot(labels, 3)) / 2
    torch.testing.assert_close(logits.grad, expected)
    assert float(logits.grad[0, 0]) == pytest.approx(0.5, rel=1e-6)

    clipped = logits.detach().clone().requires_grad_()
    categorical_crossentropy(clipped.softmax(1), labels).backward()
    assert not clipped.grad[0].any()


@pytest.mark.parametrize("n_outputs", [1, 2, 5])
def test_away_from_certainty_both_losses_are_one(n_outputs):
    logits = torch.randn(50, n_outputs, dtype=torch.float64)
    labels = torch.randint(max(n_outputs, 2), (50,))
    keras = (
        binary_crossentropy(logits[:, 0].sigmoid(), labels)
        if n_outputs == 1
        else categorical_crossentropy(logits.softmax(1), labels)
    )
    torch.testing.assert_close(cross_entropy(logits, labels), keras, rtol=1e-6, atol=0)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_text_of_weight_two_is_the_text_twice(n_outputs):
    logits, labels = torch.randn(B, n_outputs), torch.arange(B) % 2
    weights = torch.tensor([2, 1, 1, 2], dtype=torch.float64)
    rows = torch.tensor([0, 0, 1, 2, 3, 3])
    expected = cross_entropy(logits[rows], labels[rows])
    torch.testing.assert_close(cross_entropy(logits, labels, weights / weights.mean()), expected)
    assert not torch.isclose(cross_entropy(logits, labels), expected)
