"""The figures of a comparison: means with their intervals, and metrics over the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, ScalarFormatter

from tokenlayer.comparison.comparison import Comparison
from tokenlayer.comparison.figures import CYCLE, draw_dots, draw_history, panels
from tokenlayer.comparison.labels import is_share
from tokenlayer.comparison.table import means
from tokenlayer.training.drawing import as_svg, name_in_figure

_ROW = 0.3  # inches
_MARGIN = 1.5
_MOST_ROWS = 60
_BEYOND = 0.01
_COLOURED, _PALE = 6, "#C4C4C4"  # the last colours of the cycle are too near to the pale grey of all others


def pictures(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Alternative text and SVG of each figure that there is something to draw for; reads the learning curves."""
    for number, metric in enumerate(comparison.metrics):
        yield from _drawn(f"means-{number}", f"{metric}: means and 95 % intervals", _means(comparison, metric))
    if comparison.best is not None and comparison.curves["step"].nunique() > 1:
        yield from _drawn("curves", f"{comparison.best.metric} over the training", _curves(comparison))


def _drawn(name: str, seen: str, figure: Figure) -> Iterator[tuple[str, str]]:
    svg = as_svg(lambda: figure, name)
    if svg is not None:
        yield seen, svg


def _means(comparison: Comparison, metric: str) -> Figure:
    """A row for each condition; the best by validation is marked. Of very many, the first by validation."""
    found = dict(zip(comparison.names, means(comparison.table, metric), strict=True))
    kept = comparison.ranked[:_MOST_ROWS]
    rows = {name: name_in_figure(name) for name in comparison.names if name in kept}
    if comparison.best is not None and len(rows) > 1:
        rows[comparison.best.condition] = f"best on validation ▸ {rows[comparison.best.condition]}"
    more = f" (the {len(rows)} best of {len(found)} on validation texts)" if len(rows) < len(found) else ""
    figure, (axes,) = panels(f"{metric}{more}", 1, height=_MARGIN + _ROW * len(rows))
    draw_dots(axes, list(rows.values()), {"": {shown: found[name] for name, shown in rows.items()}})
    axes.xaxis.set_major_formatter(PercentFormatter(1) if is_share(metric) else ScalarFormatter())
    if is_share(metric):  # an interval may go beyond what there is
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, -_BEYOND), min(high, 1 + _BEYOND))
    axes.set_ylim(-0.7, len(rows) - 0.3)
    return figure


def _curves(comparison: Comparison) -> Figure:
    """The conditions that are best on validation texts in colours, the others in grey behind them."""
    assert comparison.best is not None
    metric = comparison.best.metric
    ranked = comparison.ranked
    coloured = ranked if len(ranked) <= len(CYCLE) else ranked[:_COLOURED]
    figure, (axes,) = panels(f"{metric} over the training", 1)
    others = ranked[len(coloured) :]
    for place, name in enumerate(others):
        mean = comparison.curves[comparison.curves["condition"] == name].groupby("step")["value"].mean()
        more = f"{len(others)} more conditions" if place == 0 else None
        axes.plot(mean.index, mean, color=_PALE, linewidth=1, label=more)
    for name, color in reversed([*zip(coloured, CYCLE, strict=False)]):
        draw_history(axes, name_in_figure(name), _histories(comparison, name), color)
    axes.set(xlabel="step")
    axes.yaxis.set_major_formatter(PercentFormatter(1) if is_share(metric) else ScalarFormatter())
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], frameon=False, fontsize=9)  # the best, drawn last, is named first
    return figure


def _histories(comparison: Comparison, condition: str) -> Mapping[int, pd.DataFrame]:
    of_condition = comparison.curves[comparison.curves["condition"] == condition]
    return {number: history for number, (_, history) in enumerate(of_condition.groupby("run_id", sort=False))}
