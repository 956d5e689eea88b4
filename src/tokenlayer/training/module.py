"""The LightningModule around the classifier."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric

from tokenlayer.data.types import Batch
from tokenlayer.errors import InputError
from tokenlayer.models.layer_statistics import ModelStatistics
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.models.output import ModelOutput
from tokenlayer.rules.base import TrainingProgress
from tokenlayer.rules.learner import AppliedEdit, TokenLearner
from tokenlayer.rules.learning_rule import LearningRule, NoOpRule
from tokenlayer.training.metrics import Metrics

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
SchedulerFactory = Callable[..., LRScheduler]


@dataclass
class TrainingStep:
    """What callbacks may read of the step in progress."""

    step: int
    """Optimizer steps before this one: the global step, from 0."""
    epoch: int
    batch: int
    """Batch of the epoch, from 0."""
    output: ModelOutput
    loss: Tensor
    labels: Tensor
    rows: Tensor
    """(B,): which of the training texts these are."""
    learning_rate: float
    """Of this step's update: behind it Lightning has set the next one's. NaN for an optimizer that has none."""
    edit: AppliedEdit | None = None
    """What the learning rule replaced after the update, once it has."""

    @property
    def place(self) -> dict[str, Any]:
        """`step`, `epoch` and `batch`, the first columns of every log."""
        return {"step": self.step, "epoch": self.epoch, "batch": self.batch}


class TokenizationModule(pl.LightningModule):
    """Trains a `TokenizationClassifier`; what is recorded of it is the callbacks' business.

    Attributes:
        rule: how the patterns change; its state is saved with the weights.
        current: the step in progress.
        validated_steps: optimizer steps before the latest validation.

    Args:
        model: the classifier.
        optimizer: makes the optimizer from the parameters.
        lr_scheduler: makes a schedule, stepped after every update, from the optimizer; None: constant.
        header: plain data that each checkpoint carries under `tokenlayer`: what one must know to use its weights.
        rule: how the patterns change; None: by the optimizer alone, if at all.
        embedding_l2: weight of `TokenizationClassifier.embedding_l2` in what is minimised; the loss that is logged
            is without it.

    """

    def __init__(
        self,
        model: TokenizationClassifier,
        optimizer: OptimizerFactory = torch.optim.Adam,
        lr_scheduler: SchedulerFactory | None = None,
        header: Mapping[str, Any] | None = None,
        rule: LearningRule | None = None,
        embedding_l2: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.rule = rule or NoOpRule()
        self._embedding_l2 = embedding_l2
        model.head.is_watched = not self.rule.keeps_vocabulary
        self._make_optimizer = optimizer
        self._make_scheduler = lr_scheduler
        self._header = dict(header or {})
        self.metrics = nn.ModuleDict(
            {f"{phase}_metrics": Metrics(model.n_classes) for phase in ("train", "validation", "test")}
        )
        self._tokens_read = nn.ModuleDict({phase: MeanMetric() for phase in ("validation", "test")})
        self.current: TrainingStep | None = None
        self._learner = TokenLearner(
            self.rule,
            model.tokenization,
            model.embedding,
            readout=model.head.readout(),
            binary_features=model.head.binary_features,
            token_parameters=model.head.token_parameters(),
        )
        self.validated_steps = 0
        self._statistics: ModelStatistics | None = None
        self._statistics_every: set[int] = set()

    def statistics(self, every: int) -> ModelStatistics:
        """Those of the model in training, the same for all who ask, attached at every so many steps."""
        self._statistics_every.add(every)
        if self._statistics is None:
            self._statistics = self.model.statistics()
        return self._statistics

    def _read_by_statistics(self, step: int) -> ModelStatistics | None:
        """The statistics, attached to the model, if this step is one of those that they were asked for."""
        if self._statistics is None:
            return None
        if all(step % every for every in self._statistics_every):
            self._statistics.detach()
            return None
        self._statistics.attach()
        return self._statistics

    def phase_metrics(self, phase: str) -> Metrics:
        """The metrics of `train` (running within the epoch), `validation` or `test`."""
        metrics = self.metrics[f"{phase}_metrics"]
        assert isinstance(metrics, Metrics)
        return metrics

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        step = self.trainer.global_step
        statistics = self._read_by_statistics(step)
        output: ModelOutput = self.model(batch.codes)
        if statistics is not None:
            statistics.watch(output)
        loss = self.model.loss(output, batch.labels, batch.weights)
        if not torch.isfinite(loss):
            raise InputError(
                f"the loss is {loss.item()} at step {step} (epoch {self.current_epoch + 1}, batch "
                f"{batch_idx + 1} of it): lower optimizer.lr or set trainer.gradient_clip_val"
            )
        self.phase_metrics("train").update(output.probabilities, batch.labels, loss)
        watched = output.logits if self.rule.beside_model else output.embedded
        self._learner.watch(output.tokens, watched, batch.rows)
        self.current = TrainingStep(
            step=step,
            epoch=self.current_epoch,
            batch=batch_idx,
            output=output,
            loss=loss.detach(),
            labels=batch.labels,
            rows=batch.rows,
            learning_rate=float(self.trainer.optimizers[0].param_groups[0].get("lr", math.nan)),
        )
        if self._embedding_l2:
            loss = loss + self._embedding_l2 * self.model.embedding_l2(output.tokens, batch.weights)
        return loss

    def progress(self) -> TrainingProgress:
        """The place of the step in progress in the training."""
        assert self.current is not None
        n_steps = int(self.trainer.estimated_stepping_batches)
        return TrainingProgress(self.current.step, n_steps, int(self.trainer.num_training_batches))

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        self._learner.observe(self.progress())

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """The update, then the rule's edit: both are in the checkpoint that a callback saves after the batch."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        assert self.current is not None
        self.current.edit = self._learner.edit(optimizer, self.progress())

    def on_train_epoch_start(self) -> None:
        self.phase_metrics("train").reset()

    def on_train_end(self) -> None:
        self.current = None  # lets go of the last step's tensors
        if self._statistics is not None:
            self._statistics.detach()
            self._statistics = None
            self._statistics_every.clear()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate(batch, "validation")

    def on_validation_epoch_end(self) -> None:
        if self.trainer.sanity_checking:  # of batches that are no validation
            self._reset_phase("validation")
        else:
            self._log_phase("validation")
            self.validated_steps = self.trainer.global_step

    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Probabilities (B,) or (B, n_classes), for the callbacks."""
        return self._evaluate(batch, "test")

    def on_test_epoch_end(self) -> None:
        self._log_phase("test")

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Probabilities (B,) of class 1, or (B, n_classes)."""
        output: ModelOutput = self.model(batch.codes)
        return output.probabilities

    def configure_optimizers(self) -> Any:
        optimizer = self._make_optimizer(self.model.parameters())
        if self._make_scheduler is None:
            return optimizer
        schedule = {"scheduler": self._make_scheduler(optimizer), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["tokenlayer"] = self._header
        # Lightning keeps no generators; without them a resumed run would drop out others than the unbroken one.
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        checkpoint["random_state"] = {"cpu": torch.get_rng_state(), "cuda": cuda}
        checkpoint["validated_steps"] = self.validated_steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.validated_steps = checkpoint["validated_steps"]
        state = checkpoint["random_state"]
        torch.set_rng_state(state["cpu"].cpu())
        if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([device.cpu() for device in state["cuda"]])

    def _evaluate(self, batch: Batch, phase: str) -> Tensor:
        output: ModelOutput = self.model(batch.codes)
        loss = self.model.loss(output, batch.labels)
        self.phase_metrics(phase).update(output.probabilities, batch.labels, loss)
        self._phase_tokens_read(phase).update(self.model.head.tokens_read(output.tokens.matches))
        return output.probabilities

    def _log_phase(self, phase: str) -> None:
        results = {**self.phase_metrics(phase).compute(), "tokens_read": self._phase_tokens_read(phase).compute()}
        self._reset_phase(phase)
        # The number of the last step taken: Lightning's own default is the number of steps.
        step = torch.tensor(max(self.trainer.global_step - 1, 0), dtype=torch.float64)
        self.log_dict({f"{phase}/{name}": value for name, value in results.items()} | {"step": step}, batch_size=1)

    def _reset_phase(self, phase: str) -> None:
        self.phase_metrics(phase).reset()
        self._phase_tokens_read(phase).reset()

    def _phase_tokens_read(self, phase: str) -> MeanMetric:
        metric = self._tokens_read[phase]
        assert isinstance(metric, MeanMetric)
        return metric
