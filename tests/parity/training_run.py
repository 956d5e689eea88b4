"""The example's model, trained by this project from the golden initial values on the golden batches."""

import functools
from dataclasses import dataclass, field

import numpy as np
import torch
from golden_file import arrays

from tokenlayer.original.flatten import FlattenHeadConfig
from tokenlayer.original.keras import KerasAdam
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.model import OriginalModelConfig
from tokenlayer.original.network import OriginalClassifier
from tokenlayer.training.metrics import Metrics

PARAMETERS = {
    "patterns": lambda model: model.tokenization.patterns,
    "embedding": lambda model: model.embedding.weight,
    "bn_gamma": lambda model: model.head.batch_norm.weight,
    "bn_beta": lambda model: model.head.batch_norm.bias,
    "dense_kernel": lambda model: model.head.dense.weight,
    "dense_bias": lambda model: model.head.dense.bias,
    "out_kernel": lambda model: model.head.out.weight,
    "out_bias": lambda model: model.head.out.bias,
}
INPUTS = ("train_codes", "train_labels", *(f"train_init_{name}" for name in PARAMETERS))


def in_keras_layout(name, tensor):
    """Keras's kernels are (in, out), the original's patterns (C, K, 1, N)."""
    tensor = tensor.detach()
    if name == "patterns":
        return tensor.unsqueeze(2)
    return tensor.T if name.endswith("kernel") else tensor


@dataclass
class Run:
    model: OriginalClassifier
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    grads_log: list[dict[str, float]] = field(default_factory=list)
    vals_log: list[dict[str, float]] = field(default_factory=list)
    first_gradients: dict[str, torch.Tensor] = field(default_factory=dict)
    unshifted: list[bool] = field(default_factory=list)
    """Of each step: β of the batch norm and the bias of Dense were zero in its forward pass."""


@functools.cache
def trained(dtype):
    """All golden steps of training in `dtype`; the model is in evaluation mode afterwards."""
    model = initial_model(dtype)
    run, optimizer = Run(model), KerasAdam(model.parameters())
    metrics = Metrics(n_classes=2)
    statistics = model.statistics()
    batches = zip(arrays()["train_codes"], arrays()["train_labels"], strict=True)
    for codes, truth in batches:
        run.unshifted.append(not (model.head.batch_norm.bias.any() or model.head.dense.bias.any()))
        output = model(torch.tensor(codes.astype(np.int64)))
        labels = torch.tensor(truth.astype(np.int64))
        loss = model.loss(output, labels)
        statistics.watch(output)
        optimizer.zero_grad()
        loss.backward()
        run.first_gradients = run.first_gradients or {
            name: parameter(model).grad.clone() for name, parameter in PARAMETERS.items()
        }
        run.grads_log.append(first_row(statistics.gradient_columns([statistics.gradients()])))
        optimizer.step()
        run.vals_log.append(first_row(statistics.value_columns([statistics.values(output)])))
        metrics.update(output.probabilities, labels, loss)
        run.loss.append(loss.item())
        run.accuracy.append(metrics.accuracy())
    model.eval()
    return run


def first_row(columns):
    return {name: numbers[0] for name, numbers in columns.items()}


def initial_model(dtype):
    initial = {name: torch.tensor(arrays()[f"train_init_{name}"], dtype=dtype) for name in PARAMETERS}
    patterns = initial["patterns"].squeeze(2)  # (C, K, N)
    C, K, N = patterns.shape
    D, hidden = initial["embedding"].shape[1], len(initial["dense_bias"])
    config = OriginalModelConfig(FlattenHeadConfig(hidden), vocab_size=N, embedding_dim=D)
    layer = TokenizationLayer(N, lambda _: patterns, K, C)
    model = config.build(layer, arrays()["train_codes"].shape[2], n_classes=2).to(dtype)
    with torch.no_grad():
        for name, parameter in PARAMETERS.items():
            in_keras_layout(name, parameter(model)).copy_(initial[name])
    return model
