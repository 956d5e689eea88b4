"""Labels that would overlap are moved apart, and every kind of panel draws its data."""

import math

import pandas as pd
import pytest

from tokenlayer.comparison.figures import (
    Curve,
    apart,
    draw_curves,
    draw_dots,
    draw_history,
    horizontal_lines,
    label_ends,
    panels,
)
from tokenlayer.comparison.means import Mean


def test_labels_far_apart_stay() -> None:
    assert apart([3.0, 1.0, 2.0], 0.5) == [3.0, 1.0, 2.0]


def test_labels_that_meet_are_spread_around_their_mean_in_their_order() -> None:
    assert apart([1.0, 1.0], 0.5) == pytest.approx([0.75, 1.25])
    assert apart([1.0, 1.2, 1.1], 0.5) == pytest.approx([0.6, 1.6, 1.1])
    # the pair spreads to 0.75 and 1.25, where it meets the third: all three around 1.1
    assert apart([1.0, 1.0, 1.3], 0.5) == pytest.approx([0.6, 1.1, 1.6])
    assert apart([], 0.5) == []


def test_curves_end_in_their_names() -> None:
    points = {50: Mean(0.6, 0.01, 3), 500: Mean(0.8, math.nan, 1)}
    curves = [Curve("learned", points, "C0", strong=True), Curve("fixed", points, "C1"), Curve("not run", {}, "C2")]
    figure, (axes,) = panels("Title", 1)
    draw_curves(axes, curves)
    horizontal_lines(axes, {"NBSVM": Mean(0.9, 0.001, 3), "nothing": Mean(math.nan, math.nan, 0)})
    label_ends(axes, curves)
    assert [text.get_text() for text in axes.texts] == ["NBSVM  90.0", "learned", "fixed"]
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_label() in ("learned", "fixed")]
    assert [line.get_ydata().tolist() for line in lines] == [[0.6, 0.8], [0.6, 0.8]]
    figure.canvas.draw()


def test_dots_leave_out_what_was_not_run() -> None:
    figure, (axes,) = panels("Title", 1)
    draw_dots(axes, ["a", "b"], {"x": {"a": Mean(0.5, 0.1, 3), "b": Mean(math.nan, math.nan, 0)}, "y": {}})
    assert axes.containers[0].lines[0].get_xdata().tolist() == [0.5]
    figure.canvas.draw()


def test_a_history_is_the_mean_of_the_seeds() -> None:
    figure, (axes,) = panels("Title", 1)
    seeds = {
        seed: pd.DataFrame({"step": [0, 9, 9], "value": [value, 0.0, value]}) for seed, value in ((0, 0.2), (1, 0.4))
    }
    draw_history(axes, "rule", seeds, "C0")
    assert axes.lines[-1].get_ydata().tolist() == pytest.approx([0.3, 0.3]), "the last value of a step counts"
    draw_history(axes, "nothing", {}, "C1")
    assert len(axes.lines) == 3
    figure.canvas.draw()
