"""A row of numbers for each training step: mean and standard deviation of what the layers and parameters hold.

`grads_log` has a row of gradients, `vals_log` one of values. A model's columns go by its own names: `<module>` for the
output of a layer, `<module>.<parameter>` for a parameter, each with `_mean` and `_std`. Columns that would be constant
by construction are left out: the deviation of a single number, and means that a softmax or a normalisation fixes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tokenlayer.models.moments import Held, held, lasting, measured
from tokenlayer.models.output import ModelOutput

Columns = dict[str, npt.NDArray[np.float64]]
"""(S,): the numbers of S steps, by column."""


class ModelStatistics(ABC):
    """Reads one training step after the other, and makes rows of many together.

    It is attached to the model for the steps that it reads: hooks take time.
    """

    def __init__(self) -> None:
        self._handles: list[RemovableHandle] = []

    def attach(self) -> None:
        """Read the passes to come."""
        if not self._handles:
            self._handles = [module.register_forward_hook(hook) for module, hook in self._hooks()]

    def detach(self) -> None:
        """Read no further pass, and let go of the latest."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._forget()

    @abstractmethod
    def watch(self, output: ModelOutput) -> None:
        """Attach to a step's forward pass, before its backward pass."""

    @abstractmethod
    def _hooks(self) -> Iterable[tuple[nn.Module, Callable[..., None]]]:
        """Modules, and what is to be called with the output of each."""

    @abstractmethod
    def _forget(self) -> None:
        """Let go of the tensors of the latest pass."""

    @abstractmethod
    def gradients(self) -> Held:
        """The gradients of the watched step, after its backward pass and before its update."""

    @abstractmethod
    def values(self, output: ModelOutput) -> Held:
        """The step's activations, and the parameters as they are now."""

    @abstractmethod
    def gradient_columns(self, steps: Sequence[Held]) -> Columns:
        """Statistics of the gradients of some steps of one kind: cheaper, the more there are."""

    @abstractmethod
    def value_columns(self, steps: Sequence[Held]) -> Columns:
        """Statistics of the values of some steps of one kind."""

    @property
    def constant(self) -> Collection[str]:
        """Columns that cannot change, which a log may have for the sake of its form."""
        return ()


class LayerStatistics(ModelStatistics):
    """Statistics of any model, by the names of its modules and parameters.

    The output of the token layer is `tokenization` (values only: matches have no gradient), that of the embedding, as
    the head reads it, `embedding`; below these, every module of the head that returns a tensor.

    Args:
        model: has the modules `tokenization`, `embedding` and `head`.
        zero_sum: modules at whose output the gradient sums to zero, such as the layers that feed a softmax. The means
            of the gradients of output, weight and bias are left out (a ridge penalty may add a little to the weight's).
        mirrored: modules of two outputs that move by opposite amounts, as those of a softmax over two classes do. The
            means of their outputs, weights and biases are left out.
        embedding_is_centred: the gradient of the embedded text sums to zero.

    """

    def __init__(
        self,
        model: nn.Module,
        zero_sum: Collection[nn.Module] = (),
        mirrored: Collection[nn.Module] = (),
        embedding_is_centred: bool = False,
    ) -> None:
        super().__init__()
        self._parameters = dict(model.named_parameters())
        self._zero_gradients = _parts(model, zero_sum) | ({"embedding"} if embedding_is_centred else set())
        self._fixed_values = _parts(model, mirrored)
        self._outputs: dict[str, Tensor] = {}
        self._gradients: dict[str, Tensor] = {}
        self._watched: list[str] = []
        self._model = model

    def watch(self, output: ModelOutput) -> None:
        self._gradients.clear()
        layers = {"embedding": output.embedded, **self._outputs}
        self._watched = [name for name, value in layers.items() if value.requires_grad]
        for name in self._watched:
            hook = _keeping_gradient(self._gradients, name)
            layers[name].register_hook(hook)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def _hooks(self) -> Iterable[tuple[nn.Module, Callable[..., None]]]:
        parts = self._model.named_modules()
        return [(part, _keeping(self._outputs, name)) for name, part in parts if name.startswith("head.")]

    def _forget(self) -> None:
        self._outputs.clear()
        self._gradients.clear()

    def gradients(self) -> Held:
        layers = [(name, self._gradients[name]) for name in self._watched if name in self._gradients]
        parameters = [(name, grad) for name, p in self._parameters.items() if (grad := p.grad) is not None]
        return held(layers, lasting(parameters))  # clipping changes those of the parameters, as an optimizer may

    def values(self, output: ModelOutput) -> Held:
        # A leaf is of zeros that are there for their gradient alone, as those of the maximum are.
        embedded = () if output.embedded.is_leaf else (("embedding", output.embedded),)
        parameters = [(name, p) for name, p in self._parameters.items() if p.requires_grad]
        known = {"tokenization": output.tokens.matches}
        return held((*embedded, *self._outputs.items()), lasting(parameters), known)

    def gradient_columns(self, steps: Sequence[Held]) -> Columns:
        return _columns(steps, self._zero_gradients)

    def value_columns(self, steps: Sequence[Held]) -> Columns:
        return _columns(steps, self._fixed_values)


def _keeping(outputs: dict[str, Tensor], name: str) -> Callable[..., None]:
    """A forward hook that keeps a tensor output of a training step under the module's name."""

    def keep(module: nn.Module, _: Any, output: Any) -> None:
        if module.training and torch.is_grad_enabled() and isinstance(output, Tensor):
            outputs[name] = output

    return keep


def _keeping_gradient(gradients: dict[str, Tensor], name: str) -> Callable[[Tensor], None]:
    def keep(gradient: Tensor) -> None:
        gradients[name] = gradient

    return keep


def _parts(model: nn.Module, modules: Collection[nn.Module]) -> set[str]:
    """The names of some modules of a model, and those of their weights and biases."""
    wanted = {id(module) for module in modules}
    names = [name for name, module in model.named_modules() if id(module) in wanted]
    return {*names, *(f"{name}.{kind}" for name in names for kind in ("weight", "bias"))}


def _columns(steps: Sequence[Held], without_mean: Collection[str]) -> Columns:
    columns = {}
    for name, found in measured(steps).items():
        if name not in without_mean:
            columns[f"{name}_mean"] = found[:, 0]
        if steps[0].sizes.get(name, 2) > 1:
            columns[f"{name}_std"] = found[:, 1]
    return columns
