"""The seed's 20 columns of `grads_log` and of `vals_log` ("Making the Training Loop").

Four layers, each with the mean over everything and the population std of the batch mean, then six parameters, each with
mean and population std. A column that a model does not have is None.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tokenlayer.layer.statistics import (
    Moments,
    layer_moments,
    match_gradient_moments,
    match_moments,
    parameter_moments,
)
from tokenlayer.models.classifier import Intermediates

LAYERS = ("out", "dense", "embedding", "tokenization")
PARAMETERS = ("out_kernel", "out_bias", "dense_kernel", "dense_bias", "embedding_kernel", "patterns")
COLUMNS = tuple(f"{name}_{moment}" for name in (*LAYERS, *PARAMETERS) for moment in ("mean", "std"))

Row = dict[str, float | None]
"""One value, or None, for each of `COLUMNS`."""


class LayerGradients:
    """Gradients of the loss with respect to the layers' outputs, caught in the backward pass of one step."""

    def __init__(self, intermediates: Intermediates) -> None:
        """Attach to the tensors of a forward pass that has yet to go backward."""
        self._caught: dict[str, Tensor] = {}
        layers = {"out": intermediates.out, "dense": intermediates.dense, "embedding": intermediates.embedded}
        for name, output in layers.items():
            if output is not None and output.requires_grad:
                output.register_hook(  # type: ignore[no-untyped-call]  # torch leaves it untyped
                    lambda grad, name=name: self._caught.__setitem__(name, grad)
                )

    def get(self, name: str) -> Tensor | None:
        """∂loss/∂(output of `name`), None where the model has no such layer."""
        return self._caught.get(name)


def gradient_row(layers: LayerGradients, parameters: Mapping[str, Tensor]) -> Row:
    """Gradients of one step, before its update. The dense gradient of the tokenization layer's output is factorised."""
    moments = {name: layer_moments(grad) for name in LAYERS[:3] if (grad := layers.get(name)) is not None}
    g = layers.get("embedding")
    if g is not None and "embedding_kernel" in parameters:
        # A gradient (B, D) is that of every position: as good as one position.
        g = g.unsqueeze(1) if g.dim() == 2 else g
        moments["tokenization"] = match_gradient_moments(g, parameters["embedding_kernel"])
    for name in PARAMETERS:
        if name in parameters and (grad := parameters[name].grad) is not None:
            moments[name] = parameter_moments(grad)
    return _row(moments)


def value_row(intermediates: Intermediates, parameters: Mapping[str, Tensor]) -> Row:
    """Activations of the step's forward pass, and parameters as they are now: after the update, as in the seed."""
    layers = {"out": intermediates.out, "dense": intermediates.dense, "embedding": intermediates.embedded}
    moments = {name: layer_moments(value.detach()) for name, value in layers.items() if value is not None}
    moments["tokenization"] = match_moments(intermediates.tokens.matches, intermediates.out.dtype)
    moments |= {name: parameter_moments(parameters[name].detach()) for name in PARAMETERS if name in parameters}
    return _row(moments)


def _row(moments: Mapping[str, Moments]) -> Row:
    # One transfer for all numbers: on a GPU each .item() would wait for the device.
    values = iter(torch.stack([number for pair in moments.values() for number in pair]).tolist())
    known = {f"{name}_{moment}": next(values) for name in moments for moment in ("mean", "std")}
    return {column: known.get(column) for column in COLUMNS}
