import numpy as np
import pytest
import torch

from tokenlayer.original import keras

EPSILON = 1e-7


def test_dense_starts_glorot_uniform_with_zero_bias():
    torch.manual_seed(0)
    layer = keras.dense(300, 100)
    limit = (6 / 400) ** 0.5
    assert layer.weight.shape == (100, 300)
    assert layer.weight.abs().max() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.02)
    assert (layer.bias == 0).all()


class TestBinaryCrossentropy:
    def test_is_the_formula(self):
        p = torch.tensor([0.1, 0.5, 0.8, 0.999], dtype=torch.float64)
        y = np.array([0, 1, 1, 0])
        q = p.numpy()
        expected = -(y * np.log(q + EPSILON) + (1 - y) * np.log(1 - q + EPSILON)).mean()
        assert keras.binary_crossentropy(p, torch.tensor(y)).item() == pytest.approx(expected, rel=1e-12)

    def test_certain_and_wrong_costs_what_clipping_leaves(self):
        certain = torch.tensor([0.0, 1.0], dtype=torch.float64)
        wrong = keras.binary_crossentropy(certain, torch.tensor([1, 0]))
        assert wrong.item() == pytest.approx(-np.log(2e-7), rel=1e-8)
        assert keras.binary_crossentropy(certain, torch.tensor([0, 1])).abs() < 1e-12

    def test_a_clipped_probability_has_no_gradient(self):
        p = torch.tensor([0.0, 0.5], dtype=torch.float64, requires_grad=True)
        keras.binary_crossentropy(p, torch.tensor([1, 1])).backward()
        assert p.grad[0] == 0
        assert p.grad[1].item() == pytest.approx(-1 / (0.5 + EPSILON) / 2)


class TestCategoricalCrossentropy:
    def test_is_the_formula(self):
        p = torch.tensor([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]], dtype=torch.float64)
        expected = -np.log([0.5, 0.1]).mean()
        assert keras.categorical_crossentropy(p, torch.tensor([1, 2])).item() == pytest.approx(expected)

    def test_an_impossible_class_costs_what_clipping_leaves(self):
        p = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
        assert keras.categorical_crossentropy(p, torch.tensor([1])).item() == pytest.approx(-np.log(EPSILON))


class TestBatchNorm:
    def batches(self, n=6):
        rng = np.random.default_rng(0)
        return rng.normal(3, 2, (n, 5, 4)) * np.array([1, 0.1, 10, 0])  # the last feature is constant

    def test_normalises_by_the_population_variance_and_epsilon(self):
        x = self.batches()[0]
        layer = keras.BatchNorm(4).double()
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([1.0, 2, 3, 4]))
            layer.bias.copy_(torch.tensor([0.0, -1, 5, 0.5]))
        expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3) * [1, 2, 3, 4] + [0, -1, 5, 0.5]
        np.testing.assert_allclose(layer(torch.tensor(x)).detach().numpy(), expected, rtol=1e-9, atol=1e-12)

    def test_running_statistics_decay_by_099_and_keep_the_population_variance(self):
        layer = keras.BatchNorm(4).double()
        mean, variance = np.zeros(4), np.ones(4)
        for x in self.batches():
            layer(torch.tensor(x))
            mean, variance = 0.99 * mean + 0.01 * x.mean(0), 0.99 * variance + 0.01 * x.var(0)
        np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-12)
        np.testing.assert_allclose(layer.running_var.numpy(), variance, rtol=1e-12)

    def test_evaluation_uses_them_and_leaves_them(self):
        layer = keras.BatchNorm(4).double()
        batches = self.batches()
        for x in batches:
            layer(torch.tensor(x))
        layer.eval()
        mean, variance = layer.running_mean.numpy().copy(), layer.running_var.numpy().copy()
        out = layer(torch.tensor(batches[0])).detach().numpy()
        np.testing.assert_allclose(out, (batches[0] - mean) / np.sqrt(variance + 1e-3), rtol=1e-9)
        np.testing.assert_array_equal(layer.running_mean.numpy(), mean)

    def test_numeric_gradient(self):
        layer = keras.BatchNorm(3).double()
        x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(layer, (x,))


class TestKerasAdam:
    @staticmethod
    def formula(w, gradients, *, lr=1e-3, b1=0.9, b2=0.999, eps=EPSILON):
        m = v = np.zeros_like(w)
        for t, g in enumerate(gradients, start=1):
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
            w = w - lr * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)
        return w

    @pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-9])  # near and below ε, where PyTorch's formula differs
    def test_is_the_formula(self, scale):
        rng = np.random.default_rng(0)
        start, gradients = rng.normal(size=7), rng.normal(size=(20, 7)) * scale
        weight = torch.nn.Parameter(torch.tensor(start))
        optimizer = keras.KerasAdam([weight])
        for g in gradients:
            weight.grad = torch.tensor(g)
            optimizer.step()
        moved = weight.detach().numpy() - start
        np.testing.assert_allclose(moved, self.formula(start, gradients) - start, rtol=1e-6)

    def test_settings_and_groups(self):
        rng = np.random.default_rng(1)
        starts, gradients = rng.normal(size=(2, 3)), rng.normal(size=(5, 3)) * 1e-3
        weights = [torch.nn.Parameter(torch.tensor(start)) for start in starts]
        groups = [{"params": [weights[0]]}, {"params": [weights[1]], "lr": 0.5}]
        optimizer = keras.KerasAdam(groups, lr=0.1, betas=(0.8, 0.9), eps=1e-2)
        for g in gradients:
            for weight in weights:
                weight.grad = torch.tensor(g)
            optimizer.step()
        for weight, start, lr in zip(weights, starts, (0.1, 0.5), strict=True):
            expected = self.formula(start, gradients, lr=lr, b1=0.8, b2=0.9, eps=1e-2)
            np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-10)

    def test_a_resumed_optimizer_goes_on_as_if_it_had_not_stopped(self):
        rng = np.random.default_rng(2)
        start, gradients = rng.normal(size=4), rng.normal(size=(10, 4)) * 1e-7
        weight = torch.nn.Parameter(torch.tensor(start))
        optimizer = keras.KerasAdam([weight])
        for i, g in enumerate(gradients):
            if i == 6:
                state = optimizer.state_dict()
                optimizer = keras.KerasAdam([weight])
                optimizer.load_state_dict(state)
            weight.grad = torch.tensor(g)
            optimizer.step()
        moved = weight.detach().numpy() - start
        np.testing.assert_allclose(moved, self.formula(start, gradients) - start, rtol=1e-6)

    def test_a_scheduler_changes_the_rate(self):
        weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = keras.KerasAdam([weight], lr=1.0)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
        steps = []
        for _ in range(3):
            before = weight.item()
            weight.grad = torch.ones(1, dtype=torch.float64)
            optimizer.step(lambda: None)
            scheduler.step()
            steps.append(before - weight.item())
        np.testing.assert_allclose(steps, [1, 0.1, 0.01], rtol=1e-5)
