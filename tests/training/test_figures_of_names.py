"""Figures of names of any kind, and figures that fail."""

import logging
import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from tokenlayer.comparison.figures import Curve, draw_means, label_ends, legend, panels
from tokenlayer.comparison.means import Mean
from tokenlayer.training.drawing import name_in_figure, plain_text, save_figure

FORMULA = "$\\frac{1$"


def with_a_title(title: str) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.suptitle(title)
    return figure


def test_a_dollar_begins_no_formula(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Expected"):
        with_a_title(FORMULA).savefig(tmp_path / "formula.png")
    save_figure(lambda: with_a_title(FORMULA), tmp_path / "plain.png", dpi=50)
    assert (tmp_path / "plain.png").read_bytes().startswith(b"\x89PNG")


def test_a_font_without_a_character_is_not_worth_a_word(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        save_figure(lambda: with_a_title("\u5b57 \U0001f9ff"), tmp_path / "boxes.png", dpi=50)
    assert told == []
    assert (tmp_path / "boxes.png").exists()


def test_a_figure_that_fails_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> Figure:
        raise ValueError("no room")

    (tmp_path / "there.png").write_bytes(b"the one before")
    with caplog.at_level(logging.WARNING):
        save_figure(fails, tmp_path / "there.png", dpi=50)
        save_figure(fails, tmp_path / "new.png", dpi=50)
    assert caplog.messages == [
        f"{name}.png is left out: it cannot be drawn (ValueError: no room)" for name in ("there", "new")
    ]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the one before"]


def test_names_are_short_and_show_what_they_hold() -> None:
    assert name_in_figure("a\x1b\u202e") == "a␛‹U+202E›"
    assert len(name_in_figure("x" * 1000)) == 60


def test_a_study_s_labels_are_text_too(tmp_path: Path) -> None:
    def draw() -> Figure:
        figure, (axes,) = panels(FORMULA, 1)
        curves = [Curve(f"{FORMULA} {i}", {1: Mean(0.5 + i / 10, 0.1, 3), 2: Mean(0.6, 0.1, 3)}, "k") for i in range(2)]
        draw_means(axes, curves)
        label_ends(axes, curves)
        legend(axes)
        return figure

    with plain_text():
        figure = draw()
    save_figure(lambda: figure, tmp_path / "study.png", dpi=50)
    assert (tmp_path / "study.png").exists()
