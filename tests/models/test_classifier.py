import pytest
import torch

from tokenlayer.errors import InputError
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.original.flatten import FlattenHeadConfig
from tokenlayer.original.gaussian import PatternsInitializerGaussian
from tokenlayer.original.gradients import DenseMatch

B, L, C, K, N, D = 6, 12, 5, 2, 8, 3
SEED_NAMES = {"out_kernel", "out_bias", "dense_kernel", "dense_bias", "embedding_kernel", "patterns"}


def build(n_classes=2, hidden=4, batch_norm=True, **settings):
    torch.manual_seed(0)
    config = ModelConfig(FlattenHeadConfig(hidden, batch_norm), vocab_size=N, embedding_dim=D, **settings)
    return config.build(PatternsInitializerGaussian(), K, C, L, n_classes)


@pytest.fixture
def codes():
    return torch.randint(0, C + 1, (B, L), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("n_classes", "loss", "n_outputs"),
    [(2, "auto", 1), (4, "auto", 4), (2, "binary", 1), (2, "cross_entropy", 2), (4, "cross_entropy", 4)],
)
def test_outputs_follow_from_classes_and_loss(codes, n_classes, loss, n_outputs):
    model = build(n_classes, loss=loss)
    stages = model(codes, return_intermediates=True)
    assert stages.logits.shape == (B, n_outputs)
    if n_outputs == 1:
        torch.testing.assert_close(stages.out, 1 / (1 + torch.exp(-stages.logits[:, 0])))
    else:
        torch.testing.assert_close(stages.out, torch.softmax(stages.logits, 1))
        torch.testing.assert_close(stages.out.sum(1), torch.ones(B))
    labels = torch.arange(B) % n_classes
    value = model.loss(stages.out, labels)
    of_label = stages.out[range(B), labels] if n_outputs > 1 else torch.where(labels == 1, stages.out, 1 - stages.out)
    torch.testing.assert_close(value, -of_label.log().mean(), rtol=1e-5, atol=0)


def test_a_sigmoid_for_more_than_two_classes():
    with pytest.raises(InputError, match=r"model\.loss=binary is for two classes, the data has 3"):
        build(3, loss="binary")


@pytest.mark.parametrize("n_classes", [2, 4])
def test_every_parameter_learns(codes, n_classes):
    model = build(n_classes)
    model.loss(model(codes), torch.arange(B) % n_classes).backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert all(grad.abs().max() > 0 for grad in gradients.values())
    assert model.logged_parameters().keys() == SEED_NAMES


def test_without_intermediates_the_same_probabilities(codes):
    model = build().eval()
    torch.testing.assert_close(model(codes), model(codes, return_intermediates=True).out, rtol=0, atol=0)


def test_dense_intermediates_are_made_only_when_read(codes, monkeypatch):
    made = []
    apply = DenseMatch.apply
    monkeypatch.setattr(DenseMatch, "apply", lambda *args: made.append(1) or apply(*args))
    model = build()
    stages = model(codes, return_intermediates=True)
    model.loss(stages.out, torch.arange(B) % 2).backward(retain_graph=True)
    assert stages.flatten.shape == (B, L * D)
    assert not made
    assert stages.tokenization.shape == (B, N, L)
    assert stages.lambda1.shape == (B, L, N)
    assert len(made) == 2


def test_intermediates_are_the_stages_of_one_pass(codes):
    model = build().eval()
    stages = model(codes, return_intermediates=True)
    torch.testing.assert_close(stages.lambda1 @ model.embedding.weight, stages.embedding)
    normalised = model.head.batch_norm(stages.flatten)
    torch.testing.assert_close(model.head.dense(normalised), stages.dense)
    torch.testing.assert_close(model.head.out(stages.dense), stages.logits)


def test_the_head_without_batch_norm(codes):
    model = build(batch_norm=False)
    stages = model(codes, return_intermediates=True)
    assert model.head.batch_norm is None
    torch.testing.assert_close(model.head.dense(stages.flatten), stages.dense)


def test_batch_norm_behind_the_embedding_makes_the_mean_gradient_zero(codes):
    for batch_norm in (True, False):
        model = build(batch_norm=batch_norm).double()
        stages = model(codes, return_intermediates=True)
        stages.embedding.retain_grad()
        model.loss(stages.out, torch.arange(B) % 2).backward()
        mean = stages.embedding.grad.mean(0).abs().max()
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


def test_the_global_seed_decides_the_initial_values(codes):
    first, again = build().state_dict(), build().state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_values_that_cannot_work():
    config = ModelConfig(FlattenHeadConfig(hidden=0), vocab_size=0, max_token_length=0, embedding_dim=0)
    assert [field for field, _ in config.problems()] == ["vocab_size", "max_token_length", "embedding_dim"]
    assert [field for field, _ in config.head.problems()] == ["hidden"]
    assert list(ModelConfig(FlattenHeadConfig()).problems()) == []
