import time

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss, roc_auc_score
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from tokenlayer.training.metrics import Metrics, predictions

SIZES = (8, 8, 5)  # the last batch is smaller, as the last test batch is


def outcomes(n_outputs, n_classes, seed=0):
    """Probabilities and labels of 21 texts."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, n_classes, (sum(SIZES),), generator=rng)
    logits = torch.randn(sum(SIZES), n_outputs, generator=rng)
    return (logits[:, 0].sigmoid() if n_outputs == 1 else logits.softmax(1)), labels


def filled(metrics, out, labels):
    for part, truth in zip(out.split(SIZES), labels.split(SIZES), strict=True):
        two = part if part.dim() == 2 else torch.stack([1 - part, part], 1)
        loss = torch.nn.functional.nll_loss(two.log(), truth)
        metrics.update(part, truth, loss)
    return {name: float(value) for name, value in metrics.compute().items()}


@pytest.mark.parametrize(("n_outputs", "n_classes"), [(1, 2), (2, 2), (4, 4)])
def test_against_scikit_learn(n_outputs, n_classes):
    out, labels = outcomes(n_outputs, n_classes)
    found = filled(Metrics(n_classes), out, labels)
    truth = labels.numpy()
    probabilities = (out if out.dim() == 2 else torch.stack([1 - out, out], 1)).double().numpy()
    probabilities /= probabilities.sum(1, keepdims=True)
    predicted = probabilities.argmax(1)
    binary = n_classes == 2
    area = roc_auc_score(truth, probabilities[:, 1] if binary else probabilities, multi_class="ovr")
    expected = {
        "loss": log_loss(truth, probabilities, labels=range(n_classes)),
        "accuracy": accuracy_score(truth, predicted),
        "balanced_accuracy": balanced_accuracy_score(truth, predicted),
        "f1": f1_score(truth, predicted, average="binary" if binary else "macro"),
        "auroc": area,
    }
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_where_a_class_does_not_occur_there_is_no_auroc(n_classes):
    out, labels = outcomes(1 if n_classes == 2 else n_classes, n_classes)
    labels[:] = 1
    found = filled(Metrics(n_classes), out, labels)
    assert "auroc" not in found
    predicted = predictions(out)
    assert found["accuracy"] == found["balanced_accuracy"] == pytest.approx((predicted == 1).float().mean().item())


def test_after_a_reset_the_classes_seen_before_do_not_count():
    metrics = Metrics(2)
    out, labels = outcomes(1, 2)
    assert "auroc" in filled(metrics, out, labels)
    metrics.reset()
    labels[:] = 0
    assert "auroc" not in filled(metrics, out, labels)


def test_a_probability_of_one_half_is_class_0():
    assert predictions(torch.tensor([0.5, 0.5001, 0.4999])).tolist() == [0, 1, 0]
    assert predictions(torch.tensor([[0.2, 0.5, 0.3]])).tolist() == [1]


def test_running_accuracy_is_that_of_the_batches_so_far():
    out, labels = outcomes(1, 2)
    metrics = Metrics(2)
    seen = 0
    for part, truth in zip(out.split(SIZES), labels.split(SIZES), strict=True):
        metrics.update(part, truth, torch.tensor(0.5))
        seen += len(part)
        expected = np.mean(predictions(out[:seen]).numpy() == labels[:seen].numpy())
        assert metrics.accuracy() == pytest.approx(expected)


def test_many_classes_are_counted_as_few_are() -> None:
    n_classes = 1000
    ours = Metrics(n_classes)
    f1 = MulticlassF1Score(n_classes, average="macro")
    recalls = MulticlassAccuracy(n_classes, average=None)
    for _ in range(3):
        out, labels = torch.rand(16, n_classes).softmax(1), torch.randint(0, n_classes, (16,))
        for metric in (f1, recalls):
            metric.update(out, labels)
        torch.use_deterministic_algorithms(True)  # as a training does: torchmetrics takes a second for each batch then
        try:
            began = time.perf_counter()
            ours.update(out, labels, torch.tensor(1.0))
            assert time.perf_counter() - began < 0.5
        finally:
            torch.use_deterministic_algorithms(False)
    assert torch.equal(ours.compute()["f1"], f1.compute())
    assert torch.equal(ours.recalls.compute(), recalls.compute())


@pytest.mark.parametrize("n_classes", [2, 4])
def test_restored_in_the_middle_they_go_on_and_what_is_saved_is_one_tensor_for_all_batches(n_classes):
    out, labels = outcomes(n_classes, n_classes)
    whole, first, second = Metrics(n_classes), Metrics(n_classes), Metrics(n_classes)
    expected = filled(whole, out, labels)
    parts = [*zip(out.split(SIZES), labels.split(SIZES), strict=True)]

    def add(metrics, some):
        for part, truth in some:
            metrics.update(part, truth, torch.nn.functional.nll_loss(part.log(), truth))

    add(first, parts[:2])
    saved = first.state_dict()
    assert {len(state) for state in saved.values() if isinstance(state, list)} == {1}
    add(first, parts[2:])  # saving changes nothing for what goes on
    second.load_state_dict(saved)
    add(second, parts[2:])
    for metrics in (first, second):
        assert {name: float(value) for name, value in metrics.compute().items()} == expected
