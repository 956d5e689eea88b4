"""Figures of a search: the best value over the trials, the values against each setting, and what matters most."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from tokenlayer.comparison.figures import BLUE, GREY, INK, VERMILION, legend, panels
from tokenlayer.search.space import Dimension, shown
from tokenlayer.search.study import Outcome, TrialRecord
from tokenlayer.training.drawing import name_in_figure, save_figure

_DPI = 120
_PANELS_IN_A_ROW = 4
_STRONGEST, _FAINTEST = 1.0, 0.15


@dataclass(frozen=True)
class SearchFigures:
    """What is to be drawn of a search."""

    name: str
    metric: str
    is_maximized: bool
    space: Mapping[str, Dimension]
    trials: Sequence[TrialRecord]
    """Those with a value, complete or pruned."""
    importances: Mapping[str, float]
    """Key → share of the variance of the values that goes with it; empty where it cannot be told."""

    def write(self, folder: Path) -> None:
        """Write `history.png`, `slice.png`, `parallel_coordinates.png` and `importances.png` to an existing folder.

        What there are no trials for is left out.
        """
        if not self._complete():
            return
        drawn: dict[str, Callable[[], Figure]] = {
            "history": self._history,
            "slice": self._slice,
            "parallel_coordinates": self._parallel_coordinates,
        }
        if self.importances:
            drawn["importances"] = self._importances
        for name, draw in drawn.items():
            save_figure(draw, folder / f"{name}.png", _DPI)

    def _complete(self) -> list[TrialRecord]:
        return [trial for trial in self.trials if trial.outcome is Outcome.COMPLETE]

    def _history(self) -> Figure:
        figure, (axes,) = panels(self._title(f"{self.metric} of each trial"), 1)
        best = np.maximum.accumulate if self.is_maximized else np.minimum.accumulate
        complete = self._complete()
        numbers = [trial.number for trial in complete]
        axes.step(numbers, best(_values(complete)), where="post", color=VERMILION, label="best so far")
        self._draw_trials(axes, lambda trial: trial.number)
        axes.set_xlabel("trial")
        axes.set_ylabel(self.metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        legend(axes, above=True)
        return figure

    def _slice(self) -> Figure:
        keys = list(self.space)
        rows = math.ceil(len(keys) / _PANELS_IN_A_ROW)
        figure = Figure(figsize=(10, 0.6 + 3.2 * rows), layout="constrained")
        figure.suptitle(self._title(f"{self.metric} against each setting"), x=0.01, ha="left", fontweight="bold")
        grid = figure.subplots(rows, min(len(keys), _PANELS_IN_A_ROW), sharey=True, squeeze=False)
        for axes in grid.flat[len(keys) :]:
            axes.remove()
        for axes, key in zip(grid.flat, keys, strict=False):
            values = self.space[key]
            self._draw_trials(axes, partial(_place, key=key, values=values))
            if values.log:
                axes.set_xscale("log")
            _label(axes.xaxis, values)
            axes.set_xlabel(name_in_figure(key), fontsize=9)
            axes.tick_params(labelsize=8)
        grid[0, 0].set_ylabel(self.metric)
        return figure

    def _parallel_coordinates(self) -> Figure:
        """A line for each complete trial, the darker the better, over the settings to its value."""
        figure, (axes,) = panels(self._title("settings of each complete trial; the better, the darker"), 1)
        complete = sorted(self._complete(), key=lambda trial: trial.value or 0.0, reverse=not self.is_maximized)
        measured = np.array(_values(complete))
        spread = measured.max() - measured.min() or 1.0
        goodness = (measured - measured.min()) / spread if self.is_maximized else (measured.max() - measured) / spread
        places = [[_share(trial, key, values) for key, values in self.space.items()] for trial in complete]
        for line, value, good in zip(places, (measured - measured.min()) / spread, goodness, strict=True):
            strength = _FAINTEST + (_STRONGEST - _FAINTEST) * good**2
            axes.plot([*line, value], color=BLUE, alpha=strength, linewidth=0.8 + 1.4 * good)
        ends = [_ends(values) for values in self.space.values()]
        ends.append((f"{measured.min():.4f}", f"{measured.max():.4f}"))
        for x, (low, high) in enumerate(ends):
            axes.axvline(x, color="#AAAAAA", linewidth=0.8, zorder=0)
            axes.annotate(high, (x, 1), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=8, color=INK)
            axes.annotate(
                low, (x, 0), xytext=(0, -5), textcoords="offset points", ha="center", va="top", fontsize=8, color=INK
            )
        axes.set_xticks(range(len(ends)), [_wrapped(name) for name in (*self.space, self.metric)])
        axes.set_yticks([])
        axes.set_ylim(-0.12, 1.12)
        axes.spines[["left", "bottom"]].set_visible(False)
        return figure

    def _importances(self) -> Figure:
        ordered = sorted(self.importances.items(), key=lambda item: item[1])
        title = self._title(f"share of the variance of {self.metric}")
        figure, (axes,) = panels(title, 1, height=1.2 + 0.4 * len(ordered))
        bars = axes.barh([name_in_figure(key) for key, _ in ordered], [share for _, share in ordered], color=BLUE)
        axes.bar_label(bars, [f"{100 * share:.0f} %" for _, share in ordered], padding=4, fontsize=9)
        axes.set_xlim(0, 1.1)
        axes.set_xticks([])
        axes.grid(visible=False)
        return figure

    def _title(self, what: str) -> str:
        return f"{name_in_figure(self.name)}: {what}"

    def _draw_trials(self, axes: Axes, place: Callable[[TrialRecord], float]) -> None:
        pruned = [trial for trial in self.trials if trial.outcome is Outcome.PRUNED]
        for label, color, trials in (("pruned", GREY, pruned), ("complete", BLUE, self._complete())):
            if trials:
                axes.scatter([place(trial) for trial in trials], _values(trials), s=26, color=color, label=label)


def _values(trials: Sequence[TrialRecord]) -> list[float]:
    return [trial.value for trial in trials if trial.value is not None]


def _place(trial: TrialRecord, key: str, values: Dimension) -> float:
    """A number, or the place of a choice."""
    text = trial.settings[key]
    return float(values.texts().index(text)) if values.type == "categorical" else float(text)


def _share(trial: TrialRecord, key: str, values: Dimension) -> float:
    """The place of a value between both ends, 0 to 1."""
    at = _place(trial, key, values)
    if values.type == "categorical":
        return at / max(1, len(values.texts()) - 1)
    assert values.low is not None
    assert values.high is not None
    low, high = float(values.low), float(values.high)
    if values.log:
        at, low, high = math.log(at), math.log(low), math.log(high)
    return (at - low) / ((high - low) or 1.0)


def _ends(values: Dimension) -> tuple[str, str]:
    if values.type == "categorical":
        texts = values.texts()
        return name_in_figure(texts[0]), name_in_figure(texts[-1])
    return shown(str(values.low)), shown(str(values.high))


def _label(axis: Axis, values: Dimension) -> None:
    """Plain numbers, also where the scale is logarithmic; the choices where there are no numbers."""
    if values.type == "categorical":
        texts = [name_in_figure(text) for text in values.texts()]
        axis.set_major_locator(FixedLocator(range(len(texts))))
        axis.set_major_formatter(FuncFormatter(lambda at, _: texts[round(at)] if 0 <= round(at) < len(texts) else ""))
        return
    axis.set_major_formatter(FuncFormatter(lambda at, _: f"{at:g}"))
    axis.set_minor_formatter(NullFormatter())


def _wrapped(key: str) -> str:
    return name_in_figure(key).replace(".", ".\n").replace("/", "/\n")
