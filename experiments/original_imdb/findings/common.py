"""Shared by the findings: the experiment, the form of their results, and how these are written."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokenlayer import atomic
from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import PreparedDataset
from tokenlayer.errors import InputError
from tokenlayer.original.max_cover import MaxCoverConfig, Padding
from tokenlayer.training.config import TrainConfig

BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#777777"
"""Okabe and Ito's colours, which colour-blind readers can distinguish."""

PADDING_COLORS: dict[Padding, str] = {"noise": VERMILION, "blank": BLUE}


@dataclass(frozen=True)
class Experiment:
    """The original's experiment: its configuration, and its prepared data."""

    config: TrainConfig
    dataset: PreparedDataset

    def with_padding(self, padding: Padding) -> TrainConfig:
        """The configuration with the initializer's padding replaced."""
        if not isinstance(self.config.initializer, MaxCoverConfig):
            raise InputError("initializer: the findings are about the original's patterns: use initializer=original")
        return replace(self.config, initializer=replace(self.config.initializer, padding=padding))


@dataclass(frozen=True)
class Finding:
    """A reproduced finding."""

    number: int
    name: str
    """The name of the figure's file."""
    numbers: dict[str, float]
    """Quantity → measured value."""
    figure: Figure


def load_experiment(overrides: Sequence[str]) -> Experiment:
    """`experiment=original_imdb` with settings of a command line on top.

    Raises:
        InputError: the settings are wrong, or the data cannot be read.

    """
    texts = ["experiment=original_imdb", *overrides]
    with composing("train") as composer:
        (job,) = check(composer, texts, Spec(TrainConfig, lambda composed, _: composed), multirun=False)
    return Experiment(job.config, prepare(job.config.dataset))


def panels(title: str, *widths: float) -> tuple[Figure, list[Axes]]:
    """A figure 1,000 pixels wide, and a panel for each of the relative widths."""
    figure = Figure(figsize=(10, 4.6), dpi=100, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5, fontweight="bold")
    grid = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)
    for axes in grid[0]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
    return figure, list(grid[0])


def write(findings: Sequence[Finding], output: Path) -> None:
    """Write the figures (`figures/*.png`) and the rows in `findings.csv`; those of other findings stay."""
    figures = output / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for finding in findings:
        with atomic.replacing(figures / f"{finding.number}_{finding.name}.png") as unfinished:
            finding.figure.savefig(unfinished, format="png")
    rows = _rows(output / "findings.csv")
    for finding in findings:
        rows[finding.number] = [[str(finding.number), key, f"{value:.6g}"] for key, value in finding.numbers.items()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["finding", "quantity", "value"])
    writer.writerows(row for number in sorted(rows) for row in rows[number])
    atomic.replace_text(output / "findings.csv", text.getvalue())


def _rows(path: Path) -> dict[int, list[list[str]]]:
    found: dict[int, list[list[str]]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in list(csv.reader(file))[1:]:
                found.setdefault(int(row[0]), []).append(row)
    return found
