"""The lives of a run's tokens on a timeline. Takes data frames and returns a figure; reads and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from tokenlayer.layer.vocabulary import BLANK_SIGN
from tokenlayer.training.callbacks.run_callback import visible
from tokenlayer.training.drawing import name_in_figure
from tokenlayer.training.token_history import CHANGED

COLORS = ("#c2502e", "#1f6f9f", "#4a8f3c", "#8457a5", "#c99a1d", "#2a9d9a", "#b5446e", "#6b5b4a")
INK = "#262626"
FAINT = "#8a8a8a"
_EMPTY = "#f4f1ea"
_ROWS = 1500  # places drawn at most: more than pixels are none
_COLUMNS = 1400
_NAMES = 44  # beside the timeline
_LEGEND = 8
_BARS = 120

Image = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


def class_colors(n_classes: int) -> list[str]:
    """A colour for each class, again from the first where there are more classes than colours."""
    return [COLORS[i % len(COLORS)] for i in range(n_classes)]


def timeline(lives: pd.DataFrame, class_names: Sequence[str], n_steps: int) -> Figure:
    """Every place of the vocabulary as a row, every life in it as a stretch coloured by class and weight.

    Args:
        lives: of `token_history.weighed`; those that live at the end are sorted by weight from top to bottom.
        class_names: of the data.
        n_steps: of the training.

    """
    died = int(lives["died"].notna().sum())
    height = 9.5 if died else 7.5
    figure = Figure(figsize=(13, height), layout="constrained", facecolor="white")
    ratios = [7, 1.1, 1.1] if died else [1]
    panels = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios, squeeze=False)[:, 0]
    _lives(panels[0], lives, class_names, n_steps)
    N = lives["neuron"].nunique()
    story = "none replaced"
    if died:
        story = f"{died:,} changes" if set(lives["reason"]) == {"", CHANGED} else f"{died:,} replaced"
    panels[0].set_title(f"The lives of {N:,} tokens: {story}", loc="left", fontsize=15, color=INK, pad=26)
    if died:
        _replaced(panels[1], lives, n_steps)
        _initial(panels[2], lives, n_steps)
    panels[-1].set(xlabel="training step", xlim=(0, n_steps))
    return figure


def _lives(axes: Axes, lives: pd.DataFrame, class_names: Sequence[str], n_steps: int) -> None:
    order = _places(lives, len(class_names) > 2)
    names = list(class_names)
    image = _picture(lives, order, names, n_steps)
    axes.imshow(image, aspect="auto", extent=(0, n_steps, len(order), 0), interpolation="nearest")
    axes.set(ylim=(len(order), 0), yticks=[], ylabel="one row a token, by its weight at the end")
    axes.yaxis.label.set_color(FAINT)
    handles = [
        Patch(color=color, label=f"for {name_in_figure(name)}")
        for color, name in zip(class_colors(len(names)), names, strict=True)
    ]
    if lives["died"].notna().any():
        handles.append(Patch(facecolor=INK, label="a token is born in the place of another"))
    _legend_above(axes, handles[-_LEGEND:])
    _name_places(axes, lives, order, names)
    _plain(axes)


def _places(lives: pd.DataFrame, several: bool) -> npt.NDArray[np.int64]:
    """The places in the order of the rows; not all of them where there are more than can be seen."""
    final = lives[lives["died"].isna()].set_index("neuron")
    if several:  # class by class
        ranked = final.sort_values(["towards", "weight"], ascending=[True, False], kind="stable")
    else:
        ranked = final.sort_values("weight", ascending=False, kind="stable")
    places = ranked.index.to_numpy()
    return places[:: -(-len(places) // _ROWS)]


def _picture(lives: pd.DataFrame, order: npt.NDArray[np.int64], names: Sequence[str], n_steps: int) -> Image:
    """(rows, columns, 3): the colour of each place at each time."""
    row_of = {int(token_id): row for row, token_id in enumerate(order)}
    width = min(_COLUMNS, max(n_steps, 1))
    edge = np.arange(width) * n_steps / width
    image = np.empty((len(order), width, 3), dtype=np.float32)
    image[:] = to_rgb(_EMPTY)
    scale = float(lives.loc[lives["died"].isna(), "weight"].abs().quantile(0.97)) or 1.0
    places: list[int] = lives["neuron"].tolist()
    for place, life in zip(places, lives.itertuples(), strict=True):
        if place in row_of:
            _draw(image[row_of[place]], life, edge, names, scale)
    return image


def _draw(row: Image, life: Any, edge: Floats, names: Sequence[str], scale: float) -> None:
    """Colour the columns of one life, the first of them dark where it came in the place of another."""
    begin = int(np.searchsorted(edge, life.born))
    end = len(edge) if pd.isna(life.died) else int(np.searchsorted(edge, life.died))
    if begin >= end:
        return
    row[begin:end] = _shades(life, edge[begin:end], names, scale)
    if life.born:
        row[begin : min(begin + max(1, len(edge) // 450), end)] = to_rgb(INK)


def _shades(life: Any, times: Floats, names: Sequence[str], scale: float) -> Image:
    """(times, 3): the colour of the class that a token speaks for, the paler the less it weighs."""
    if len(life.steps):
        at = np.searchsorted(life.steps, times, side="right") - 1
        weights = np.where(at < 0, 0.0, life.weights[at.clip(0)])
    else:  # too short a life to be in a record
        weights = np.full(len(times), life.weight)
    colors = np.array([to_rgb(color) for color in class_colors(len(names))])
    if len(names) == 2:
        color = colors[(weights > 0).astype(int)]
    else:
        color = np.broadcast_to(colors[names.index(life.towards) if life.towards else 0], (len(times), 3))
        weights = weights.clip(0)
    strength = np.sqrt(np.abs(weights) / scale).clip(0, 1)[:, None]
    shades: Image = strength * color + (1 - strength) * np.array(to_rgb(_EMPTY), dtype=np.float32)
    return shades


def _name_places(axes: Axes, lives: pd.DataFrame, order: npt.NDArray[np.int64], names: Sequence[str]) -> None:
    """Some of the tokens at the end, beside their rows."""
    final = lives[lives["died"].isna()].set_index("neuron").loc[order]
    colors = dict(zip(names, class_colors(len(names)), strict=True))
    rows = np.unique(np.linspace(0, len(order) - 1, _NAMES).round().astype(int))
    for row in rows:
        token = final.iloc[row]
        axes.annotate(
            token_name(token["pattern"]),
            (1, row + 0.5),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=8,
            family="monospace",
            color=colors.get(token["towards"], FAINT),
            annotation_clip=False,
            parse_math=False,
        )


def token_name(pattern: str) -> str:
    """A token for a picture: spaces visible, the blanks at its ends left out."""
    return visible([pattern.strip(BLANK_SIGN) or BLANK_SIGN])[0]


def _replaced(axes: Axes, lives: pd.DataFrame, n_steps: int) -> None:
    """The number of tokens that died over time, by reason."""
    dead = lives[lives["died"].notna()]
    times = np.unique(dead["died"].to_numpy(dtype=float))
    width = float(np.diff(times).min(initial=n_steps / 25))
    died = dead["died"].astype(float)
    if n_steps > width * _BARS:  # too many times to tell apart
        width = n_steps / _BARS
        died = (died // width + 0.5) * width
    counts = dead.groupby([died, "reason"]).size().unstack(fill_value=0)
    reasons = counts.sum().sort_values(ascending=False).index
    below = np.zeros(len(counts))
    for reason, shade in zip(reasons, np.linspace(0.25, 0.8, len(reasons)), strict=True):
        heights = counts[reason].to_numpy()
        label = name_in_figure(str(reason)).replace("_", " ").strip() or "replaced"
        axes.bar(counts.index, heights, width * 0.8, bottom=below, color=str(shade), label=label)
        below = below + heights
    axes.set_ylabel("deaths")
    _legend_above(axes)
    _plain(axes)


def _initial(axes: Axes, lives: pd.DataFrame, n_steps: int) -> None:
    """The share of the first tokens that still lives, and of the last tokens that already does."""
    N = lives["neuron"].nunique()
    first = lives[lives["born"] == lives["born"].min()]
    deaths = np.sort(first["died"].dropna().to_numpy(dtype=float))
    left = 1 - np.arange(len(deaths) + 1) / N
    births = np.sort(lives.loc[lives["died"].isna(), "born"].to_numpy(dtype=float))
    axes.step(
        [0, *deaths, n_steps],
        [1, *left[1:], left[-1]],
        where="post",
        color=INK,
        lw=1.2,
        label="first tokens that still live",
    )
    there = np.arange(1, N + 1) / N
    axes.step(
        [*births, n_steps], [*there, 1], where="post", color=COLORS[4], lw=1.2, label="last tokens that live already"
    )
    axes.set(ylabel="tokens", ylim=(-0.03, 1.05))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _legend_above(axes)
    _plain(axes)


def _legend_above(axes: Axes, handles: Sequence[Patch] | None = None) -> None:
    """One line above the panel."""
    shown = axes.get_legend_handles_labels()[0] if handles is None else handles
    axes.legend(
        handles=shown,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(shown),
        frameon=False,
        fontsize=9,
        borderaxespad=0.1,
        borderpad=0.2,
        handlelength=1.2,
    )


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#c8c8c8")
    axes.tick_params(colors="#5a5a5a", labelsize=9)
