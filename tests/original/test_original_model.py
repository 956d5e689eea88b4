"""The original's classifier: its clipped losses, its initial values, and the stages of a forward pass."""

import math

import pytest
import torch

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.models.layer_statistics import LayerStatistics
from tokenlayer.original.flatten import FlattenHeadConfig
from tokenlayer.original.gaussian_initializer import PatternsInitializerGaussian
from tokenlayer.original.gradients import DenseMatch
from tokenlayer.original.keras import EPSILON, binary_crossentropy, categorical_crossentropy
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.model import OriginalModelConfig
from tokenlayer.original.network import OriginalClassifier
from tokenlayer.original.statistics import OriginalStatistics

B, L, C, K, N, D = 6, 12, 5, 2, 8, 3


def build(n_classes=2, hidden=4, batch_norm=True) -> OriginalClassifier:
    torch.manual_seed(0)
    layer = TokenizationLayer(N, PatternsInitializerGaussian(), K, C)
    config = OriginalModelConfig(FlattenHeadConfig(hidden, batch_norm), vocab_size=N, embedding_dim=D)
    return config.build(layer, L, n_classes)


@pytest.fixture
def codes():
    return torch.randint(0, C + 1, (B, L), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_loss_is_kerass_of_probabilities(codes, n_classes):
    model = build(n_classes)
    labels = torch.arange(B) % n_classes
    keras = binary_crossentropy if n_classes == 2 else categorical_crossentropy
    output = model(codes)
    assert torch.equal(model.loss(output, labels), keras(output.probabilities, labels))
    with torch.no_grad():
        model.head.out.bias[-1] = 500  # certain, and wrong: clipped
        clipped = model.loss(model(codes), torch.zeros(B, dtype=torch.int64))
    smallest = 2 * EPSILON if n_classes == 2 else EPSILON  # Keras's binary loss adds ε to the clipped probability
    assert float(clipped) == pytest.approx(-math.log(smallest), rel=0.01)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_every_parameter_learns(codes, n_classes):
    model = build(n_classes)
    model.loss(model(codes), torch.arange(B) % n_classes).backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_dense_stages_are_made_only_when_they_are_read(codes, monkeypatch):
    made = []
    apply = DenseMatch.apply
    monkeypatch.setattr(DenseMatch, "apply", lambda *args: made.append(1) or apply(*args))
    model = build()
    stages = model.stages(codes)
    model.loss(stages.output, torch.arange(B) % 2).backward(retain_graph=True)
    assert stages.flatten.shape == (B, L * D)
    assert not made
    assert stages.tokenization.shape == (B, N, L)
    assert stages.lambda1.shape == (B, L, N)
    assert len(made) == 2


def test_the_stages_are_those_of_one_pass(codes):
    model = build().eval()
    stages = model.stages(codes)
    torch.testing.assert_close(stages.out, model(codes).probabilities, rtol=0, atol=0)
    torch.testing.assert_close(stages.lambda1 @ model.embedding.weight, stages.embedding)
    normalised = model.head.batch_norm(stages.flatten)
    torch.testing.assert_close(model.head.dense(normalised), stages.dense)
    torch.testing.assert_close(model.head.out(stages.dense), stages.output.logits)


def test_the_head_without_batch_norm(codes):
    model = build(batch_norm=False)
    stages = model.stages(codes)
    assert model.head.batch_norm is None
    torch.testing.assert_close(model.head.dense(stages.flatten), stages.dense)


def test_batch_norm_behind_the_embedding_makes_the_mean_gradient_zero(codes):
    for batch_norm in (True, False):
        model = build(batch_norm=batch_norm).double()
        output = model(codes)
        output.embedded.retain_grad()
        model.loss(output, torch.arange(B) % 2).backward()
        mean = output.embedded.grad.mean(0).abs().max()
        assert (mean < 1e-15) == batch_norm


def test_initial_values_are_kerass():
    model = build(hidden=50)
    head = model.head
    assert head.dense.weight.abs().max() <= (6 / (L * D + 50)) ** 0.5
    assert head.out.weight.abs().max() <= (6 / 51) ** 0.5
    assert not head.dense.bias.any()
    assert not head.out.bias.any()
    assert (head.batch_norm.weight == 1).all()
    assert (head.batch_norm.running_var == 1).all()
    assert model.embedding.weight.abs().max() <= (6 / (N + D)) ** 0.5


def test_the_global_seed_decides_the_initial_values():
    first, again = build().state_dict(), build().state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_the_20_columns_are_those_of_the_original_as_a_whole(codes):
    assert isinstance(build().statistics(), OriginalStatistics)
    pooled = OriginalModelConfig(PoolHeadConfig(), vocab_size=N).build(build().tokenization, L, 2)
    learned = OriginalModelConfig(FlattenHeadConfig(4), vocab_size=N).build(
        VocabularyLayer(Vocabulary(torch.randint(C, (N, K))), C), L, 2
    )
    for model in (pooled, learned):
        statistics = model.statistics()
        statistics.attach()
        assert isinstance(statistics, LayerStatistics)
        output = model(codes)
        statistics.watch(output)
        model.loss(output, torch.arange(B) % 2).backward()
        gradients = statistics.gradient_columns([statistics.gradients()])
        values = statistics.value_columns([statistics.values(output)])
        assert ("tokenization.patterns_mean" in gradients) == (model is pooled)
        assert {"head.out.weight_mean", "embedding.weight_std"} <= values.keys()


def test_a_head_of_no_width():
    assert [field for field, _ in FlattenHeadConfig(hidden=0).problems()] == ["hidden"]
