"""What the findings share: the experiment they look at, and the form of their results."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.config.schema import TrainConfig
from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import PreparedDataset
from tokenlayer.errors import InputError
from tokenlayer.tokenization.initializers.max_cover import MaxCoverConfig, Padding

BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#777777"
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""

PADDING_COLORS: dict[Padding, str] = {"noise": VERMILION, "blank": BLUE}


@dataclass(frozen=True)
class Experiment:
    """The seed's experiment: its configuration, and its data prepared."""

    config: TrainConfig
    dataset: PreparedDataset

    def with_padding(self, padding: Padding) -> TrainConfig:
        """The configuration with the initializer's padding replaced."""
        if not isinstance(self.config.initializer, MaxCoverConfig):
            raise InputError("initializer: the findings are about patterns that start as grams: use max_cover")
        return replace(self.config, initializer=replace(self.config.initializer, padding=padding))


@dataclass(frozen=True)
class Finding:
    """A finding reproduced."""

    number: int
    name: str
    """Of its figure's file."""
    numbers: dict[str, float]
    """What was measured, by what it is."""
    figure: Figure


def load_experiment(overrides: Sequence[str]) -> Experiment:
    """`experiment=seed_imdb` with settings of a command line on top.

    Raises:
        InputError: wrong settings, or the data cannot be read.

    """
    texts = ["experiment=seed_imdb", *overrides]
    with composing("train") as composer:
        (job,) = check(composer, texts, Spec(TrainConfig, lambda composed, _: composed), multirun=False)
    return Experiment(job.config, prepare(job.config.dataset))


def panels(title: str, *widths: float) -> tuple[Figure, list[Axes]]:
    """A figure of 1,000 pixels' width, and a panel for each of the relative widths."""
    figure = Figure(figsize=(10, 4.6), dpi=100, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5, fontweight="bold")
    grid = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)
    for axes in grid[0]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
    return figure, list(grid[0])


def write(findings: Sequence[Finding], output: Path) -> None:
    """A figure each (`figures/*.png`), and their rows in `findings.csv`; those of other findings stay."""
    figures = output / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for finding in findings:
        unfinished = figures / f".{finding.number}.png"
        finding.figure.savefig(unfinished)
        unfinished.replace(figures / f"{finding.number}_{finding.name}.png")
    rows = _rows(output / "findings.csv")
    for finding in findings:
        rows[finding.number] = [[str(finding.number), key, f"{value:.6g}"] for key, value in finding.numbers.items()]
    unfinished = output / ".findings.csv"
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["finding", "quantity", "value"])
        writer.writerows(row for number in sorted(rows) for row in rows[number])
    unfinished.replace(output / "findings.csv")


def _rows(path: Path) -> dict[int, list[list[str]]]:
    found: dict[int, list[list[str]]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in list(csv.reader(file))[1:]:
                found.setdefault(int(row[0]), []).append(row)
    return found
