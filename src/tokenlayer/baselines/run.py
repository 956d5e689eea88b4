"""A baseline as an MLflow run, recorded like a training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tokenlayer.atomic import replacing
from tokenlayer.baselines.base import Baseline, Probabilities
from tokenlayer.baselines.config import BaselineRunConfig
from tokenlayer.baselines.words import WordCounter
from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import PreparedDataset
from tokenlayer.escaping import harmless
from tokenlayer.terminal import console
from tokenlayer.tracking.dataset_input import record_dataset
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.predictions_callback import predictions_frame
from tokenlayer.training.callbacks.provenance_callback import Provenance
from tokenlayer.training.described import dataset_description
from tokenlayer.training.job import Job, Result
from tokenlayer.training.metrics import Metrics
from tokenlayer.training.notes import NOTE_TAG, figures
from tokenlayer.training.train import announce, settings, start_recorder

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def compare(job: Job[BaselineRunConfig]) -> Result:
    """Fit a baseline to the training texts, choose its regularisation on the validation texts, test and record it.

    Args:
        job: the run's configuration, nothing in it left open.

    Returns:
        The run, with metrics `validation/…` and `test/…`.

    Raises:
        InputError: data, configuration or store cannot be used.

    """
    config, options = job.config, job.choices
    dataset = prepare(config.dataset)
    counter = WordCounter(dataset.alphabet, config.baseline.longest_run, config.baseline.min_texts)
    name = f"{options.get('dataset', 'run')}-{options.get('baseline', 'baseline')}-seed{config.seed}"
    with start_recorder(job, name, settings(job)) as recorder:
        run = RunContext(recorder, dataset, job, console(quiet=job.member is not None))
        for choice in job.chosen:
            run.console.print(harmless(f"chosen: {choice}"), soft_wrap=True)
        Provenance(run).before_training()
        record_dataset(recorder, dataset_description(job, dataset, "training"))
        counts = counter.fit(dataset.splits["train"].codes)
        recorder.log_metrics({"baseline.features": counts.shape[1]}, 0)
        run.console.print(f"{counts.shape[1]} features")
        baseline = config.baseline.build(len(dataset.class_names), config.seed)
        baseline.prepare(counts, dataset.splits["train"].labels)
        validation = counter(dataset.splits["validation"].codes)
        _fit_best(baseline, config.baseline.strengths, validation, run)
        metrics = _recorded(baseline.probabilities(validation), "validation", run)
        probabilities = baseline.probabilities(counter(dataset.splits["test"].codes))
        metrics |= _recorded(probabilities, "test", run)
        frame = predictions_frame(_out(probabilities), dataset)
        with replacing(recorder.artifact("predictions/test.parquet")) as unfinished:
            frame.to_parquet(unfinished, index=False)
        recorder.set_tags({NOTE_TAG: figures(metrics)})
    announce(run.console, recorder.run_id, metrics, config.tracking.uri, config.output_dir)
    return Result(recorder.run_id, metrics)


def _fit_best(baseline: Baseline, strengths: Sequence[float], validation: csr_matrix, run: RunContext) -> None:
    """Leave the baseline fitted with the best of the strengths, each recorded at a step of its own."""
    accuracies: list[float] = []
    fitted = None
    for step, C in enumerate(strengths):
        started = time.perf_counter()
        baseline.fit(C)
        fitted = C
        accuracies.append(_metrics(baseline.probabilities(validation), "validation", run.dataset)["accuracy"])
        run.recorder.log_metrics({"search/C": C, "search/validation_accuracy": accuracies[-1]}, step)
        seconds = time.perf_counter() - started
        run.console.print(f"C {C:g}  validation accuracy {accuracies[-1]:.4f}  {seconds:.1f} s")
    best = strengths[max(range(len(strengths)), key=accuracies.__getitem__)]
    if best != fitted:
        baseline.fit(best)
    run.recorder.log_params({"baseline.C": best})


def _recorded(probabilities: Probabilities, split: str, run: RunContext) -> dict[str, float]:
    metrics = {f"{split}/{name}": value for name, value in _metrics(probabilities, split, run.dataset).items()}
    run.recorder.log_metrics(metrics, 0)
    return metrics


def _metrics(probabilities: Probabilities, split: Any, dataset: PreparedDataset) -> dict[str, float]:
    """What a training reports of a split, by the same code."""
    from sklearn.metrics import log_loss  # noqa: PLC0415  # scikit-learn takes a second

    n_classes = len(dataset.class_names)
    labels = dataset.splits[split].labels
    loss = log_loss(labels, probabilities, labels=range(n_classes))
    metrics = Metrics(n_classes)
    metrics.update(_out(probabilities), torch.from_numpy(labels), torch.tensor(loss))
    return {name: float(value) for name, value in metrics.compute().items()}


def _out(probabilities: Probabilities) -> Tensor:
    """As a classifier gives them: (m,) of class 1, or (m, n_classes)."""
    out = torch.from_numpy(probabilities)
    return out[:, 1] if out.shape[1] == 2 else out
