"""3. σ freezes every weight that leaves (0, 1)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from experiments.original_imdb.findings.common import (
    BLUE,
    GREY,
    ORANGE,
    PADDING_COLORS,
    VERMILION,
    Experiment,
    Finding,
    panels,
)
from experiments.original_imdb.findings.traces import AGES, Trace, Watch, train_trace
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tokenlayer.original.gradients import sigma

_WATCHED_STEPS = 1000
_LEAK, _BETA = 1 / 6, 2.5


def reproduce(experiment: Experiment, traces: Sequence[Trace]) -> Finding:
    """Measure the share of weights that σ freezes over the steps, and how a weight moves after it has left (0, 1)."""
    watch = next((trace.watch for trace in traces if trace.watch), None)
    if watch is None:  # all traces are of recorded runs
        watch = train_trace(experiment, "noise", _WATCHED_STEPS).watch
        assert watch is not None
    numbers = {
        "σ just above 0": float(sigma(torch.tensor(1e-6))),
        "weights that left (0, 1) while every step was watched": watch.left,
        "largest gradient of a weight outside (0, 1)": watch.largest_gradient_outside,
        "weights that came back": watch.returns,
        "largest move of a weight born outside (0, 1)": watch.largest_move_born_outside,
    }
    for age in (0, 10, 20, 30):
        if watch.movers[age]:
            numbers[f"mean move per step, {age + 1} steps after leaving"] = watch.moves[age] / watch.movers[age]
    for trace in traces:
        first, last = min(trace.weights), max(trace.weights)
        for step in dict.fromkeys((first, last)):
            below, above = shares_outside(trace.weights[step])
            numbers[f"share of weights below 0 at step {step}, padding {trace.padding}"] = below
            numbers[f"share of weights above 1 at step {step}, padding {trace.padding}"] = above
        numbers[f"weights outside at a step and inside at a later one, padding {trace.padding}"] = returned(trace)
    return Finding(3, "frozen_weights", numbers, _figure(traces, watch))


def shares_outside(patterns: Tensor) -> tuple[float, float]:
    """The shares of weights below 0 and at or above 1; true blanks, which are 0, count as neither."""
    return float((patterns < 0).float().mean()), float((patterns >= 1).float().mean())


def returned(trace: Trace) -> int:
    """Weights that were outside (0, 1) in a snapshot and inside in the next."""
    snapshots = [sigma(trace.weights[step]) == 0 for step in sorted(trace.weights)]
    return sum(int((before & ~after).sum()) for before, after in itertools.pairwise(snapshots))


def uncut_sigma(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """σ without its cut to (0, 1): below 0, its leak a = 1/6 would let gradients through."""
    z = (1 - _LEAK) * x + _LEAK
    scale: npt.NDArray[np.float64] = z ** (-_BETA - 1) / (
        (1 + z**-_BETA * (1 - z) ** _BETA) ** 2 * (1 - z) ** (1 - _BETA)
    )
    return scale


def _figure(traces: Sequence[Trace], watch: Watch) -> Figure:
    figure, (left, middle, right) = panels("3. σ freezes every weight that leaves (0, 1), for good", 1.1, 1, 1)
    _draw_sigma(left, traces[0])
    for trace in traces:
        steps = sorted(trace.weights)
        share = [100 * sum(shares_outside(trace.weights[step])) for step in steps]
        middle.plot(steps, share, color=PADDING_COLORS[trace.padding], label=f"padding: {trace.padding}")
    middle.set(xlabel="step", ylabel="% of all weights", ylim=(0, None))
    middle.locator_params(axis="x", nbins=5)
    middle.set_title("Frozen weights (true blanks left out)", fontsize=10, loc="left")
    middle.legend(frameon=False, fontsize=9)
    _draw_moves(right, watch)
    return figure


def _draw_sigma(axes: Axes, trace: Trace) -> None:
    x = np.linspace(-0.19, 1.15, 1341)
    axes.plot(x, sigma(torch.from_numpy(x)), color=BLUE, label="σ(x)")
    leak = x[x < 0]
    axes.plot(leak, uncut_sigma(leak), ":", color=BLUE, label="σ without its cut at 0")
    axes.set(xlabel="weight x", ylabel="σ(x)", ylim=(0, 1.5), yticks=np.arange(0, 1.1, 0.25))
    axes.set_title("σ, and where the weights are", fontsize=10, loc="left")
    density = axes.twinx()
    for step, color in ((min(trace.weights), GREY), (max(trace.weights), VERMILION)):
        weights = trace.weights[step].flatten().numpy()
        weights = weights[weights != 0]
        bins = 0.015 * np.arange(-13, 77)  # an edge at 0
        density.hist(
            weights, bins, density=True, histtype="step", color=color, label=f"density of weights, step {step}"
        )
    density.set_yticks([])
    density.spines[:].set_visible(False)
    handles = [*axes.get_legend_handles_labels()[0], *density.get_legend_handles_labels()[0]]
    density.set_ylim(0, 1.5 * density.get_ylim()[1])  # below the legend
    axes.legend(handles=handles, frameon=False, fontsize=8, loc="upper right")


def _draw_moves(axes: Axes, watch: Watch) -> None:
    seen = watch.movers > 0
    ages = np.arange(1, AGES + 1)[seen]
    moves = watch.moves[seen] / watch.movers[seen]
    axes.semilogy(ages, moves, "o", color=BLUE, markersize=3.5, label=f"mean of {watch.left:,} weights")
    if len(moves):
        axes.semilogy(
            ages, moves[0] * 0.9 ** (ages - ages[0]), color=ORANGE, linewidth=1.5, label="0.9 per step: Adam's β₁"
        )
        axes.legend(frameon=False, fontsize=9)
    axes.set(xlabel="steps since the weight left (0, 1)", ylabel="move per step, away from (0, 1)")
    axes.set_title(f"Momentum runs out; {watch.returns} came back", fontsize=10, loc="left")
