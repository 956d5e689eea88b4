"""Figures of a run from its logs. Each function takes data frames and returns a figure; none reads or writes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Plot = Callable[[pd.DataFrame], Figure]

_FAINT = {"linewidth": 0.6, "alpha": 0.35}
_PANELS_PER_ROW = 5
_FEW = 10  # rows, of which a line alone shows little
_LONG_NAME = 30  # characters that fit above a panel


def loss_accuracy(train: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Loss of each step and its running mean, accuracies; `train` is `logs/train_log`, `metrics` all metric rows."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(train["step"], train["loss"], color="C0", **_FAINT)
    window = max(1, len(train) // 50)
    smooth = train["loss"].rolling(window, center=True, min_periods=1).mean()
    left.plot(train["step"], smooth, color="C0", label=f"train, mean of {window} steps")
    _history(left, metrics, "validation/loss", "validation", color="C1", marker="o", markersize=3)
    left.set(xlabel="step", ylabel="loss", title="Loss")
    _history(right, metrics, "train/accuracy", "train, running within the epoch", color="C0", linewidth=0.8)
    _history(right, metrics, "validation/accuracy", "validation", color="C1", marker="o", markersize=3)
    _history(right, metrics, "test/accuracy", "test", color="C2", marker="*", linestyle="none", markersize=9)
    right.set(xlabel="step", ylabel="accuracy", title="Accuracy")
    if not right.lines:  # a training of which only the losses are recorded
        right.remove()
        left.set_subplotspec(figure.add_gridspec(1, 1)[0])
    for axes in figure.axes:
        axes.grid(alpha=0.2)
        axes.legend(frameon=False, fontsize="small")
    return figure


def moments(log: pd.DataFrame, title: str) -> Figure:
    """`grads_log` or `vals_log`: a panel for each layer and parameter with its mean and standard deviation."""
    drawn = log.columns[log.notna().any()]
    columns = [str(column) for column in drawn if str(column).endswith(("_mean", "_std"))]
    parts = list(dict.fromkeys(column.rpartition("_")[0] for column in columns))
    n_rows = -(-len(parts) // _PANELS_PER_ROW)
    figure = Figure(figsize=(14, 0.6 + 2.3 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, min(_PANELS_PER_ROW, len(parts)), sharex=True, squeeze=False)
    style = {"linewidth": 0.6, "marker": "o" if len(log) < _FEW else None, "markersize": 3}
    for axes, part in zip(grid.flat, parts, strict=False):
        for moment, color in (("std", "C1"), ("mean", "C0")):
            if f"{part}_{moment}" in columns:
                axes.plot(log["step"], log[f"{part}_{moment}"], color=color, label=moment, **style)
        axes.set_title(part, fontsize="small" if len(part) <= _LONG_NAME else "x-small")
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        axes.tick_params(labelsize="x-small")
        axes.yaxis.get_offset_text().set_size("x-small")
        axes.grid(alpha=0.2)
    for axes in grid.flat[len(parts) :]:
        axes.remove()
    for axes in grid.flat[max(len(parts) - _PANELS_PER_ROW, 0) : len(parts)]:  # those with no panel below them
        axes.tick_params(labelbottom=True)
    handles = {label: line for axes in figure.axes for line in axes.lines if (label := str(line.get_label()))}
    figure.axes[0].legend(handles=list(handles.values()), frameon=False, fontsize="small")
    figure.suptitle(f"{title}: mean and standard deviation over the steps")
    return figure


def turnover(patterns: pd.DataFrame) -> Figure:
    """`patterns_log`: the share of patterns that changed since the record before, and since the first."""
    steps, codes = _by_step(patterns)
    since_first = (codes != codes[0]).mean(1)
    since_last = np.concatenate([[0.0], (codes[1:] != codes[:-1]).mean(1)])
    live = patterns.groupby("step")["matches"].agg(lambda matches: float((matches > 0).mean()))
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(steps, since_first, label="since the first record")
    left.plot(steps, since_last, label="since the record before", linewidth=0.8)
    left.set(xlabel="step", ylabel="share of patterns changed", title="Turnover", ylim=(-0.02, 1.02))
    left.legend(frameon=False, fontsize="small")
    right.plot(live.index, live.to_numpy(), color="C2", linewidth=0.8)
    right.set(xlabel="step", ylabel="share of patterns that match", title="Live patterns in the batch", ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.2)
    return figure


def _by_step(patterns: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Steps (S,), and the patterns as integers (S, N)."""
    codes, _ = pd.factorize(patterns["pattern"])
    table = patterns.assign(code=codes).pivot_table(index="step", columns="neuron", values="code")
    return table.index.to_numpy(), table.to_numpy()


def _history(axes: Axes, metrics: pd.DataFrame, key: str, label: str, **style: object) -> None:
    rows = metrics[metrics["key"] == key].sort_values("step")
    if len(rows):
        axes.plot(rows["step"], rows["value"], label=label, **style)  # type: ignore[arg-type]  # style of a line
