"""A row of numbers for each training step: mean and standard deviation of what the layers and parameters hold.

`grads_log` has a row of gradients, `vals_log` one of values. A model's columns go by its own names: `<module>` for the
output of a layer, `<module>.<parameter>` for a parameter, each with `_mean` and `_std`. Columns that would be constant
by construction are left out: the deviation of a single number, and means of gradients that a softmax makes zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tokenlayer.models.moments import Moments, match_moments, moments
from tokenlayer.models.output import ModelOutput

Row = dict[str, float]
"""One value for each column."""


class ModelStatistics(ABC):
    """Reads one training step after the other."""

    @abstractmethod
    def watch(self, output: ModelOutput) -> None:
        """Attach to a step's forward pass, before its backward pass."""

    @abstractmethod
    def gradients(self) -> Row:
        """Statistics of the gradients of the watched step, after its backward pass and before its update."""

    @abstractmethod
    def values(self, output: ModelOutput) -> Row:
        """Statistics of the step's activations, and of the parameters as they are now."""

    @abstractmethod
    def close(self) -> None:
        """Detach from the model."""


class LayerStatistics(ModelStatistics):
    """Statistics of any model, by the names of its modules and parameters.

    The output of the token layer is `tokenization` (values only: matches have no gradient), that of the embedding, as
    the head reads it, `embedding`; below these, every module of the head that returns a tensor.

    Args:
        model: has the modules `tokenization`, `embedding` and `head`.
        softmax_layers: layers whose outputs add up to the logits of a softmax. The gradient of the loss sums to zero
            over the classes there, so that the means of their gradients are zero up to rounding.

    """

    def __init__(self, model: nn.Module, softmax_layers: Collection[nn.Module] = ()) -> None:
        self._model = model
        names = {id(module): name for name, module in model.named_modules()}
        parts = [names[id(module)] for module in softmax_layers]
        self._zero_mean = {*parts, *(f"{part}.{kind}" for part in parts for kind in ("weight", "bias"))}
        self._outputs: dict[str, Tensor] = {}
        self._gradients: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = [
            module.register_forward_hook(_keeping(self._outputs, name))
            for name, module in model.named_modules()
            if name.startswith("head.")
        ]

    def watch(self, output: ModelOutput) -> None:
        self._gradients.clear()
        for name, value in self._layers(output).items():
            if value.requires_grad:
                value.register_hook(_keeping_gradient(self._gradients, name))  # type: ignore[no-untyped-call]  # torch's

    def gradients(self) -> Row:
        parameters = {name: p.grad for name, p in self._model.named_parameters() if p.grad is not None}
        found = {name: moments(value) for name, value in {**self._gradients, **parameters}.items()}
        sizes = {name: value.numel() for name, value in {**self._gradients, **parameters}.items()}
        return _row(found, sizes, without_mean=self._zero_mean)

    def values(self, output: ModelOutput) -> Row:
        parameters = {name: p.detach() for name, p in self._model.named_parameters() if p.requires_grad}
        held = {**self._layers(output), **parameters}
        found = {"tokenization": match_moments(output.tokens.matches, output.logits.dtype)}
        found |= {name: moments(value.detach()) for name, value in held.items()}
        return _row(found, {name: value.numel() for name, value in held.items()})

    def close(self) -> None:
        for handle in self._handles:
            handle.remove()

    def _layers(self, output: ModelOutput) -> dict[str, Tensor]:
        return {"embedding": output.embedded, **self._outputs}


def _keeping(outputs: dict[str, Tensor], name: str) -> Any:
    """A forward hook that keeps a tensor output of a training step under the module's name."""

    def keep(module: nn.Module, _: Any, output: Any) -> None:
        if module.training and isinstance(output, Tensor):
            outputs[name] = output

    return keep


def _keeping_gradient(gradients: dict[str, Tensor], name: str) -> Any:
    def keep(gradient: Tensor) -> None:
        gradients[name] = gradient

    return keep


def _row(found: Mapping[str, Moments], sizes: Mapping[str, int], without_mean: Collection[str] = ()) -> Row:
    columns = {}
    for name, (mean, std) in found.items():
        if name not in without_mean:
            columns[f"{name}_mean"] = mean
        if sizes.get(name, 2) > 1:
            columns[f"{name}_std"] = std
    return to_floats(columns)


def to_floats(columns: Mapping[str, Tensor]) -> Row:
    """The scalar tensors as numbers, in one transfer: on a GPU each `.item()` would wait for the device."""
    return dict(zip(columns, torch.stack(list(columns.values())).tolist(), strict=True))
