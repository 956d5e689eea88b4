"""Figures of studies: labelled curves and dots with intervals, and metrics over the training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from tokenlayer.comparison.means import Mean

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY, INK = "#CC79A7", "#56B4E9", "#777777", "#222222"
"""Okabe and Ito's colours, which colour-blind readers can distinguish."""
CYCLE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, GREY, INK)

Values = npt.NDArray[np.float64]
_LABEL_GAP = 0.032
"""Smallest distance of two labels, as a share of the axis's height."""


@dataclass(frozen=True)
class Curve:
    """Means over seeds along x, and their style."""

    label: str
    points: Mapping[float, Mean]
    color: str
    strong: bool = False
    """Drawn thick: the figure is about this curve."""
    dashed: bool = False


def panels(title: str, *widths: float, height: float = 4.6) -> tuple[Figure, list[Axes]]:
    """A figure ten inches wide with a title, and a panel for each of the relative widths."""
    figure = Figure(figsize=(10, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    grid = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)
    for axes in grid[0]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color("#AAAAAA")
        axes.tick_params(colors="#555555", labelsize=9)
        axes.grid(axis="y", color="#E8E8E8", linewidth=0.8)
        axes.set_axisbelow(True)
    return figure, list(grid[0])


def draw_means(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw curves with bands for their intervals, labelled for a legend."""
    for curve in curves:
        points = {x: mean for x, mean in curve.points.items() if mean.n}
        if not points:
            continue
        x = np.array(sorted(points), dtype=float)
        mean = np.array([points[at].mean for at in x])
        half_width = np.nan_to_num([points[at].half_width for at in x])
        style = "--" if curve.dashed else "-"
        width, size = (2.8, 6.5) if curve.strong else (1.3, 3.5)
        axes.fill_between(x, mean - half_width, mean + half_width, color=curve.color, alpha=0.15, linewidth=0)
        axes.plot(
            x, mean, style, marker="o", color=curve.color, linewidth=width, markersize=size, markeredgecolor="white",
            markeredgewidth=0.6, zorder=4 if curve.strong else 3, clip_on=False, label=curve.label,
        )  # fmt: skip
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def draw_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    """`draw_means` with a logarithmic x axis for numbers of tokens."""
    draw_means(axes, curves)
    xs = sorted({x for curve in curves for x in curve.points})
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(xs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(xs, [f"{x:,.0f}" for x in xs])


def label_ends(axes: Axes, curves: Sequence[Curve]) -> None:
    """Write the name of each curve beside its right end, moved apart where names would overlap. Call it last."""
    drawn = [curve for curve in curves if curve.points]
    if not drawn:
        return
    low, high = axes.get_ylim()
    right = max(max(curve.points) for curve in drawn)
    ends = [curve.points[max(curve.points)].mean for curve in drawn]
    for curve, end, at in zip(drawn, ends, apart(ends, _LABEL_GAP * (high - low)), strict=True):
        last = max(curve.points)
        axes.annotate(
            curve.label,
            (last, end),
            xytext=(right * 1.18, at),
            textcoords="data",
            va="center",
            fontsize=10.5 if curve.strong else 9,
            fontweight="bold" if curve.strong else "normal",
            color=curve.color,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": curve.color,
                "linewidth": 0.7,
                "alpha": 0.7,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 5,
            },
        )


def legend(axes: Axes, *, above: bool = False) -> None:
    """Add a legend if anything was drawn; `above` puts it in a row over the axes, clear of the drawing."""
    names = axes.get_legend_handles_labels()[1]
    if names and above:
        axes.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names))
    elif names:
        axes.legend(frameon=False, fontsize=9, loc="best")


def apart(values: Sequence[float], gap: float) -> list[float]:
    """Positions as near to the values as possible, in the same order, at least `gap` apart.

    Values that are too close are spread around their mean (pool adjacent violators).
    """
    order = np.argsort(values, kind="stable")
    blocks: list[tuple[list[int], float]] = []  # members, place of the middle
    for i in order:
        members, middle = [int(i)], float(values[i])
        while blocks and middle - gap * (len(members) - 1) / 2 < blocks[-1][1] + gap * (len(blocks[-1][0]) + 1) / 2:
            before, before_middle = blocks.pop()
            middle = (before_middle * len(before) + middle * len(members)) / (len(before) + len(members))
            members = before + members
        blocks.append((members, middle))
    places = [math.nan] * len(values)
    for members, middle in blocks:
        for rank, i in enumerate(members):
            places[i] = middle + gap * (rank - (len(members) - 1) / 2)
    return places


def horizontal_lines(axes: Axes, means: Mapping[str, Mean]) -> None:
    """Draw a horizontal line at each mean, its name at the left. Call it after the curves are drawn."""
    known = {name: mean.mean for name, mean in means.items() if mean.n}
    for place in known.values():
        axes.axhline(place, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    low, high = axes.get_ylim()
    places = apart(list(known.values()), _LABEL_GAP * (high - low))
    for (name, mean), at in zip(known.items(), places, strict=True):
        axes.annotate(
            f"{name}  {100 * mean:.1f}",
            (axes.get_xlim()[0], at),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8.5,
            color="#555555",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            zorder=2,
        )


def draw_dots(axes: Axes, rows: Sequence[str], series: Mapping[str, Mapping[str, Mean]]) -> None:
    """Draw means with intervals: a line for each row (the first on top), a colour for each series.

    One series without a name needs no legend.
    """
    offsets = np.linspace(0.22, -0.22, len(series)) if len(series) > 1 else [0.0]
    places = {row: len(rows) - 1 - i for i, row in enumerate(rows)}
    for (name, means), color, offset in zip(series.items(), CYCLE, offsets, strict=False):
        known = {row: mean for row, mean in means.items() if mean.n}
        axes.errorbar(
            [mean.mean for mean in known.values()],
            [places[row] + offset for row in known],
            xerr=np.nan_to_num([mean.half_width for mean in known.values()]),
            fmt="o",
            color=color,
            label=name,
            markersize=6,
            capsize=0,
            linewidth=1.6,
        )
    axes.set_yticks(list(places.values()), list(places))
    axes.grid(axis="x", color="#E8E8E8", linewidth=0.8)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if len(series) > 1 or "" not in series:
        legend(axes, above=True)


def draw_history(axes: Axes, label: str, seeds: Mapping[int, pd.DataFrame], color: str) -> None:
    """Draw a metric over the steps: the mean over seeds, and each seed faintly."""
    if not seeds:
        return
    table = pd.DataFrame({seed: history.groupby("step")["value"].last() for seed, history in seeds.items()})
    axes.plot(table.index, table.to_numpy(), color=color, linewidth=0.7, alpha=0.35)
    mean = table.mean(axis=1)
    axes.plot(mean.index, mean, color=color, linewidth=2.2, label=label, marker="o", markersize=3)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
