"""The tokens of a trained model, by what they weigh, with the texts that hold them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tokenlayer.training.drawing import name_in_figure
from tokenlayer.training.token_history_plots import FAINT, INK, class_colors, token_name

_MOST_PANELS = 8


def final_tokens(tokens: pd.DataFrame, class_names: Sequence[str]) -> Figure:
    """A panel for each class with the tokens that speak most for it, above them the weights of all.

    Args:
        tokens: one row a token: `pattern`, `weight`, `towards` (class name), and `texts of <class>` for each class.
        class_names: of the data; those for which a token speaks are drawn, of more than eight the heaviest.

    """
    drawn = _top_classes(tokens, class_names)
    shown = 25 if len(drawn) <= 2 else 14
    per_row = max(1, min(len(drawn), 2 if len(drawn) <= 4 else 3))
    n_rows = -(-len(drawn) // per_row)
    figure = Figure(figsize=(6.6 * per_row + 0.6, 1.9 + n_rows * (0.8 + 0.27 * shown)), layout="constrained")
    heights = [1.5, *[0.8 + 0.27 * shown] * n_rows]
    grid = figure.add_gridspec(n_rows + 1, 2 * per_row, height_ratios=heights, width_ratios=[1.25, 1] * per_row)
    colors = dict(zip(class_names, class_colors(len(class_names)), strict=True))
    _all_weights(figure.add_subplot(grid[0, :]), tokens, colors)
    panels = []
    for i, name in enumerate(drawn):
        row, column = 1 + i // per_row, 2 * (i % per_row)
        left = figure.add_subplot(grid[row, column])
        right = figure.add_subplot(grid[row, column + 1], sharey=left)
        _panel(left, right, tokens[tokens["towards"] == name], name, colors, shown)
        panels.append((left, right))
    for same in zip(*panels, strict=True):  # classes compare on one scale
        widest = max(axes.get_xlim()[1] for axes in same)
        for axes in same:
            axes.set_xlim(0, widest)
    figure.suptitle(f"The {len(tokens):,} tokens, by what they weigh", x=0.01, ha="left", fontsize=15, color=INK)
    return figure


def _top_classes(tokens: pd.DataFrame, class_names: Sequence[str]) -> list[str]:
    heaviest = tokens["weight"].abs().groupby(tokens["towards"]).max().reindex(list(class_names)).dropna()
    kept = set(heaviest.nlargest(_MOST_PANELS).index)
    return [name for name in class_names if name in kept]


def _all_weights(axes: Axes, tokens: pd.DataFrame, colors: dict[str, str]) -> None:
    """Every token as a bar, in the order of its weight."""
    ranked = tokens.sort_values(["towards", "weight"] if len(colors) > 2 else "weight", kind="stable")
    height, names = ranked["weight"].to_numpy(), ranked["towards"]
    left, zero = np.arange(len(ranked)) - 0.5, np.zeros(len(ranked))
    corners = np.array([(left, zero), (left, height), (left + 1, height), (left + 1, zero)])  # (4, 2, N)
    # One collection: a hundred thousand bars of their own would take a minute.
    shades = [colors.get(name, FAINT) for name in names]
    axes.add_collection(PolyCollection(list(np.moveaxis(corners, -1, 0)), facecolors=shades))
    axes.axhline(0, color=FAINT, lw=0.6)
    axes.set(xlim=(-0.5, len(ranked) - 0.5), xticks=[], ylabel="weight")
    axes.set_title("all of them", loc="left", fontsize=10, color=FAINT)
    _plain(axes, "left")


def _panel(left: Axes, right: Axes, tokens: pd.DataFrame, name: str, colors: dict[str, str], shown: int) -> None:
    """Weights of the top tokens of a class, and how many texts of each class hold them."""
    top = tokens.loc[tokens["weight"].abs().sort_values(ascending=False, kind="stable").index].head(shown)
    y = np.arange(len(top))
    left.barh(y, top["weight"].abs(), color=colors[name], height=0.72)
    left.set_yticks(y, [token_name(pattern) for pattern in top["pattern"]], family="monospace", parse_math=False)
    left.set_ylim(shown - 0.4, -0.6)
    left.set_title(f"for {name_in_figure(name)}", loc="left", fontsize=12, color=colors[name], parse_math=False)
    left.set_xlabel("weight", color=FAINT, fontsize=9)
    _counts(right, top, y, colors)
    _plain(left, "bottom")
    _plain(right, "bottom")
    left.tick_params(axis="y", labelsize=10, labelcolor=INK, length=0)
    right.tick_params(axis="y", labelleft=False, length=0)


def _counts(axes: Axes, top: pd.DataFrame, y: np.ndarray, colors: dict[str, str]) -> None:
    before = np.zeros(len(top))
    for name, color in colors.items():
        counts = top[f"texts of {name}"].to_numpy()
        axes.barh(y, counts, left=before, color=color, height=0.72, alpha=0.85, edgecolor="white", linewidth=0.4)
        before = before + counts
    for at, total in zip(y, before, strict=True):
        axes.annotate(
            f"{int(total):,}", (total, at), (3, 0), textcoords="offset points", va="center", fontsize=7.5, color=FAINT
        )
    axes.set_xlim(0, max(float(before.max(initial=0)), 1) * 1.17)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel("test texts with it, by their class", color=FAINT, fontsize=9)


def _plain(axes: Axes, kept: str) -> None:
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.spines[kept].set_visible(True)
    axes.spines[kept].set_color("#c8c8c8")
    axes.tick_params(colors="#5a5a5a", labelsize=8)
