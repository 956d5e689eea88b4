"""The classifier around layer, embedding and head: its outputs, its loss, its settings."""

import math

import pytest
import torch

from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.heads.conv import ConvHeadConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.models.network import TokenizationClassifier

B, L, C, K, N = 6, 12, 5, 2, 8


def build(n_classes=2, head=None, **settings) -> TokenizationClassifier:
    torch.manual_seed(0)
    layer = VocabularyLayer(Vocabulary(torch.randint(C, (N, K))), C)
    return ModelConfig(head or PoolHeadConfig(), vocab_size=N, **settings).build(layer, L, n_classes)


@pytest.fixture
def codes():
    return torch.randint(0, C + 1, (B, L), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("n_classes", "loss", "n_outputs"),
    [(2, "auto", 1), (4, "auto", 4), (2, "binary", 1), (2, "cross_entropy", 2), (4, "cross_entropy", 4)],
)
def test_outputs_follow_from_classes_and_loss(codes, n_classes, loss, n_outputs):
    model = build(n_classes, loss=loss)
    output = model(codes)
    out = output.probabilities
    assert output.logits.shape == (B, n_outputs)
    if n_outputs == 1:
        torch.testing.assert_close(out, 1 / (1 + torch.exp(-output.logits[:, 0])))
    else:
        torch.testing.assert_close(out, torch.softmax(output.logits, 1))
        torch.testing.assert_close(out.sum(1), torch.ones(B))
    labels = torch.arange(B) % n_classes
    value = model.loss(output, labels)
    of_label = out[range(B), labels] if n_outputs > 1 else torch.where(labels == 1, out, 1 - out)
    torch.testing.assert_close(value, -of_label.log().mean(), rtol=1e-5, atol=0)


def test_a_sigmoid_for_more_than_two_classes():
    with pytest.raises(InputError, match=r"model\.loss=binary is for two classes, the data has 3"):
        build(3, loss="binary")


@pytest.mark.parametrize("n_classes", [2, 4])
def test_every_parameter_learns(codes, n_classes):
    model = build(n_classes)
    model.loss(model(codes), torch.arange(B) % n_classes).backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


@pytest.mark.parametrize(
    ("n_classes", "loss", "D"), [(2, "auto", 1), (3, "auto", 3), (2, "cross_entropy", 2)], ids=["one", "three", "two"]
)
def test_vectors_are_as_long_as_there_are_outputs_unless_set(n_classes, loss, D):
    assert build(n_classes, loss=loss).embedding.weight.shape == (N, D)
    assert build(n_classes, loss=loss, embedding_dim=7).embedding.weight.shape == (N, 7)


def test_initial_vectors_are_glorots():
    weight = build(embedding_dim=40).embedding.weight.detach()
    bound = math.sqrt(6 / (N + 40))
    assert weight.abs().max() <= bound
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize("head", [PoolHeadConfig(), ConvHeadConfig()], ids=["pool", "conv"])
def test_the_global_seed_decides_the_initial_values(head):
    first, again = build(head=head).state_dict(), build(head=head).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_values_that_cannot_work():
    config = ModelConfig(PoolHeadConfig(), vocab_size=0, max_token_length=0, embedding_dim=0, embedding_l2=-1.0)
    wrong = ["vocab_size", "max_token_length", "embedding_l2", "embedding_dim"]
    assert [field for field, _ in config.problems()] == wrong
    assert list(ModelConfig(PoolHeadConfig()).problems()) == []
