"""The original's 20 columns of `grads_log` and of `vals_log` (seed document, "Making the Training Loop").

Four layers, each with the mean over everything and the population standard deviation of the batch mean, then six
parameters, each with mean and population standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from torch import Tensor, nn

from tokenlayer.layer.matching import Matches
from tokenlayer.models.layer_statistics import Columns, ModelStatistics
from tokenlayer.models.moments import Held, Moments, held, lasting, measured, moments
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.models.output import ModelOutput
from tokenlayer.original.flatten_head import FlattenHead
from tokenlayer.original.layer import TokenizationLayer

LAYERS = ("out", "dense", "embedding", "tokenization")
PARAMETERS = ("out_kernel", "out_bias", "dense_kernel", "dense_bias", "embedding_kernel", "patterns")
COLUMNS = tuple(f"{name}_{moment}" for name in (*LAYERS, *PARAMETERS) for moment in ("mean", "std"))


class OriginalStatistics(ModelStatistics):
    """The original's rows, for a model that has all of the original's parts.

    Args:
        model: a flatten head on the original's layer.

    """

    def __init__(self, model: TokenizationClassifier) -> None:
        super().__init__()
        layer, head = model.tokenization, model.head
        assert isinstance(layer, TokenizationLayer)
        assert isinstance(head, FlattenHead)
        self.parameters: Mapping[str, Tensor] = {
            "out_kernel": head.out.weight,
            "out_bias": head.out.bias,
            "dense_kernel": head.dense.weight,
            "dense_bias": head.dense.bias,
            "embedding_kernel": model.embedding.weight,
            "patterns": layer.patterns,
        }
        self._gradients: dict[str, Tensor] = {}

    def watch(self, output: ModelOutput) -> None:
        self._gradients = {}
        for name, value in _layers(output).items():
            if value.requires_grad:
                value.register_hook(  # type: ignore[no-untyped-call]  # torch leaves it untyped
                    lambda gradient, name=name: self._gradients.__setitem__(name, gradient)
                )

    def _hooks(self) -> Iterable[tuple[nn.Module, Callable[..., None]]]:
        return ()  # all that it reads is in the output

    def _forget(self) -> None:
        self._gradients = {}

    def gradients(self) -> Held:
        found: dict[str, Moments | Matches] = {
            name: layer_moments(gradient) for name, gradient in self._gradients.items()
        }
        # The gradient of the dense output of the tokenization layer, factorised.
        found["tokenization"] = match_gradient_moments(
            self._gradients["embedding"], self.parameters["embedding_kernel"]
        )
        parameters = ((name, _gradient(parameter)) for name, parameter in self.parameters.items())
        return held(changing=lasting(parameters), known=found)

    def values(self, output: ModelOutput) -> Held:
        found: dict[str, Moments | Matches] = {
            name: layer_moments(value.detach()) for name, value in _layers(output).items()
        }
        found["tokenization"] = output.tokens.matches
        return held(changing=lasting(self.parameters.items()), known=found)

    def gradient_columns(self, steps: Sequence[Held]) -> Columns:
        return _columns(steps)

    def value_columns(self, steps: Sequence[Held]) -> Columns:
        return _columns(steps)

    @property
    def constant(self) -> Collection[str]:
        """The deviations of single numbers: of the mean probability of one class, and of its bias."""
        return ("out_std", "out_bias_std") if self.parameters["out_bias"].numel() == 1 else ()


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None, "every part is trained"
    return parameter.grad


def _layers(output: ModelOutput) -> dict[str, Tensor]:
    assert output.hidden is not None
    return {"out": output.probabilities, "dense": output.hidden, "embedding": output.embedded}


def _columns(steps: Sequence[Held]) -> Columns:
    found = measured(steps)
    numbers = (found[name][:, moment] for name in (*LAYERS, *PARAMETERS) for moment in (0, 1))
    return dict(zip(COLUMNS, numbers, strict=True))


def layer_moments(x: Tensor) -> Moments:
    """Mean of a tensor (B, …), and the population standard deviation of its mean over the batch."""
    return moments(x.mean(0))


def match_gradient_moments(g: Tensor, embedding: Tensor) -> Moments:
    """The moments of U[b, n, t] = g[b, t] · E[n], the gradient of the dense output, from g (B, L, D) and E (N, D).

    With ḡ the mean of g over the batch, and d and e what is left of ḡ and E without their own means m and M, U averaged
    over the batch is m · M + d[t] · M + m · e[n] + d[t] · e[n], of which the last three are uncorrelated: their squares
    add up, and nothing cancels.
    """
    g_mean = g.mean(0).double()  # ḡ (L, D)
    E = embedding.detach().double()
    m, M = g_mean.mean(0), E.mean(0)
    d, e = g_mean - m, E - M
    variance = (d @ M).square().mean() + (e @ m).square().mean() + ((d.T @ d) * (e.T @ e)).sum() / (len(d) * len(e))
    return (m @ M).to(g.dtype), variance.clamp(min=0).sqrt().to(g.dtype)
