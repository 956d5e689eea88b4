"""The results of a study as files: CSV, figures, and the part of its README between two marks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from tokenlayer.errors import InputError
from tokenlayer.study.results import Compared, Results
from tokenlayer.study.statistics import Mean

BEGIN, END = "<!-- results -->", "<!-- end of results -->"
_DPI = 150


@dataclass(frozen=True)
class Report:
    """What a study makes of its results."""

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Tables for people, by heading."""
    figures: Mapping[str, tuple[str, Figure]] = field(default_factory=dict)
    """What is to be seen, and the figure, by the name of its file."""


def percent(mean: Mean, *, sign: bool = False) -> str:
    """A share in percent (a difference: in points) with its interval: `87.1 ± 0.3`."""
    if mean.n == 0:
        return "–"
    shown = f"{100 * mean.mean:{'+' if sign else ''}.1f}"
    return shown if math.isnan(mean.half_width) else f"{shown} ± {100 * mean.half_width:.1f}"


def p_value(p: float) -> str:
    """As one reads it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def summary(results: Results, metrics: Mapping[str, str]) -> pd.DataFrame:
    """One row a cell that has runs: what tells it, each metric in percent, seeds, and minutes of a run.

    Args:
        results: of the study.
        metrics: heading → metric.

    """
    rows = []
    for cell, runs in results.frame.groupby("cell", sort=False):
        shown = next(item.task.cell.shown for item in results.done if item.task.cell.name == cell)
        shares = {heading: percent(results.mean(str(cell), metric)) for heading, metric in metrics.items()}
        rows.append({**shown, **shares, "seeds": len(runs), "minutes a run": f"{runs['minutes'].median():.1f}"})
    return pd.DataFrame(rows)


def comparisons(compared: Sequence[Compared], names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row a comparison of test accuracies."""
    shown = names or {}
    return pd.DataFrame(
        [
            {
                "": f"{shown.get(item.one, item.one)} against {shown.get(item.other, item.other)}",
                "difference (points)": percent(item.result.difference, sign=True),
                "seeds": item.result.difference.n,
                "median p (McNemar)": p_value(item.result.median_p),
                "p after Holm": p_value(item.holm_p),
            }
            for item in compared
        ]
    )


def markdown(table: pd.DataFrame) -> str:
    """A table of GitHub's Markdown."""
    cells = [[str(column) for column in table.columns], ["---"] * len(table.columns)]
    cells += [["" if pd.isna(value) else str(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in cells)


def write(report: Report, results: Results, folder: Path) -> None:
    """`results.csv` (one row a run), `figures/*.png`, and the README's results, if there is a README."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "results.csv", results.frame.sort_values(["cell", "seed"]).to_csv(index=False).encode())
    if report.figures:
        (folder / "figures").mkdir(exist_ok=True)
    for name, (_, figure) in report.figures.items():
        unfinished = folder / "figures" / f".{name}.png"
        figure.savefig(unfinished, dpi=_DPI)
        unfinished.replace(folder / "figures" / f"{name}.png")
    readme = folder / "README.md"
    if readme.exists():
        _replace(readme, inserted(readme.read_text(encoding="utf-8"), text(report, results), readme).encode())


def text(report: Report, results: Results) -> str:
    """Tables, figures and how they came about, in Markdown."""
    parts = [f"{f'**{heading}**' if heading else ''}\n\n{markdown(table)}" for heading, table in report.tables.items()]
    parts += [f"![{seen}](figures/{name}.png)" for name, (seen, _) in report.figures.items()]
    return "\n\n".join(part.strip() for part in [*parts, provenance(results)])


def provenance(results: Results) -> str:
    """How many runs there are, which are missing, how long they took, and on what."""
    done, missing = len(results.done), len(results.missing)
    lines = [f"{done} of {done + missing} runs."]
    if missing:
        seeds: dict[str, list[int]] = {}
        for task in results.missing:
            seeds.setdefault(task.cell.name, []).append(task.seed)
        told = (f"{cell} (seed {', '.join(map(str, which))})" for cell, which in seeds.items())
        lines.append(f"**Missing:** {'; '.join(told)}.")
    if done:
        minutes = results.frame["minutes"]
        lines.append(
            f"Wall time: {minutes.sum() / 60:.1f} hours of one process in all, {minutes.median():.1f} minutes a run "
            f"(median; {minutes.min():.1f} to {minutes.max():.1f}), one thread each. Hardware: "
            f"{'; '.join(results.hardware())}."
        )
    return " ".join(lines)


def inserted(readme: str, results: str, place: Path) -> str:
    """The README with its results replaced.

    Raises:
        InputError: it has no marks, or not in their order.

    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{place}: has no place for results; add the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{results}\n{END}{after}"


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_bytes(content)
    unfinished.replace(path)
