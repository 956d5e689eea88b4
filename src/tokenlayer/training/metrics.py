"""Loss and classification metrics of a pass over texts."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryF1Score,
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassF1Score,
    MulticlassStatScores,
)

# Of a run that is resumed behind the last batch of an epoch: torchmetrics does not count restored states as updates.
warnings.filterwarnings(
    "ignore", message="The ``compute`` method of metric .* was called before", module="torchmetrics"
)


class _CountedByClass(MulticlassStatScores):
    """Counts each class by itself: torchmetrics takes a table of all pairs of classes, a million of a thousand."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add predictions (B,) or (B, n_classes), and labels (B,)."""
        found = predictions(preds) if preds.is_floating_point() else preds
        predicted, actual, right = (self._count(each) for each in (found, target, target[found == target]))
        self._update_state(right, predicted - right, len(target) - predicted - actual + right, actual - right)

    def _count(self, classes: Tensor) -> Tensor:
        assert self.num_classes is not None, "given"
        zeros = torch.zeros(self.num_classes, dtype=torch.long, device=classes.device)
        return zeros.index_add_(0, classes, torch.ones_like(classes))


class _F1OfClasses(_CountedByClass, MulticlassF1Score):
    pass


class _RecallsOfClasses(_CountedByClass, MulticlassAccuracy):
    pass


class Metrics(nn.Module):
    """Loss, accuracy, balanced accuracy, F1 (macro for more than two classes) and AUROC, accumulated over batches.

    Args:
        n_classes: classes of the data.

    """

    seen: Tensor
    """(n_classes,) bool: classes that have occurred."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        metrics: dict[str, Metric | MetricCollection]
        if n_classes == 2:
            metrics = {
                "accuracy": BinaryAccuracy(validate_args=False),
                "f1": BinaryF1Score(validate_args=False),
                "auroc": BinaryAUROC(validate_args=False),
            }
        else:
            metrics = {
                "accuracy": MulticlassAccuracy(n_classes, average="micro", validate_args=False),
                "f1": _F1OfClasses(n_classes, average="macro", validate_args=False),
                "auroc": MulticlassAUROC(n_classes, validate_args=False),
            }
        self.n_classes = n_classes
        self.scores = MetricCollection(metrics)
        self.recalls = _RecallsOfClasses(n_classes, average=None, validate_args=False)
        self.loss = MeanMetric()
        self.register_buffer("seen", torch.zeros(n_classes, dtype=torch.bool))
        for metric in self.modules():
            if isinstance(metric, Metric):
                metric.persistent(True)  # a run resumed within an epoch goes on with the epoch's numbers
        self.register_state_dict_pre_hook(_join_batches)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def update(self, out: Tensor, labels: Tensor, loss: Tensor) -> None:
        """Add a batch: probabilities (B,) or (B, n_classes), labels (B,), mean loss."""
        out, labels = out.detach(), labels.detach()
        self.loss.update(loss.detach(), weight=len(labels))
        self.seen[labels] = True
        self.recalls.update(predictions(out), labels)
        positive = out[:, 1] if out.dim() == 2 and self.n_classes == 2 else out
        self.scores.update(positive, labels)

    def accuracy(self) -> float:
        """So far."""
        return float(self.scores["accuracy"].compute())

    def compute(self) -> dict[str, Tensor]:
        """`loss`, `accuracy`, `balanced_accuracy`, `f1`, `auroc` over all batches since the last reset.

        AUROC is left out where it is not defined: when a class does not occur.
        """
        # torchmetrics' own mean counts a class that was only predicted as one that was never recognised.
        balanced = self.recalls.compute()[self.seen].mean()
        results: dict[str, Tensor] = {"loss": self.loss.compute(), "balanced_accuracy": balanced}
        wanted = dict(self.scores.items(keep_base=True))
        if not self.seen.all():
            del wanted["auroc"]
        return results | {str(name): metric.compute() for name, metric in wanted.items()}

    def reset(self) -> None:
        """Begin anew."""
        self.loss.reset()
        self.recalls.reset()
        self.scores.reset()
        self.seen.zero_()


def _join_batches(metrics: nn.Module, _prefix: str, _keep_vars: bool) -> None:
    """Make one tensor of those that a metric keeps of all batches: thousands take a while to copy, and to save."""
    for metric in metrics.modules():
        if isinstance(metric, Metric):
            for name, state in metric.metric_state.items():
                if isinstance(state, list) and len(state) > 1:
                    setattr(metric, name, [torch.cat(state)])


def predictions(out: Tensor) -> Tensor:
    """(B,) class of each text; a probability of exactly one half is class 0, as the original rounds."""
    return (out > 0.5).long() if out.dim() == 1 else out.argmax(1)
