"""Results of a study as files: CSV, figures, and the part of its README between two marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from tokenlayer import atomic
from tokenlayer.comparison.formats import markdown
from tokenlayer.comparison.means import percent
from tokenlayer.errors import InputError
from tokenlayer.study.recorded import COMPARISONS, RUNS, Compared, Recorded, comparisons_csv, merged, runs_csv
from tokenlayer.study.results import Results
from tokenlayer.training.drawing import save_figure

BEGIN, END = "<!-- results -->", "<!-- end of results -->"
_DPI = 150


@dataclass(frozen=True)
class Report:
    """The tables and figures of a study. None stands for one that cannot be made: the one that is there is kept."""

    tables: Mapping[str, pd.DataFrame | None] = field(default_factory=dict)
    """Heading → table."""
    figures: Mapping[str, tuple[str, Figure | None]] = field(default_factory=dict)
    """Name of the file → alternative text and figure."""

    def kept(self) -> list[str]:
        """The tables and figures that cannot be made."""
        tables = [f"table {heading!r}" for heading, table in self.tables.items() if table is None]
        return tables + [f"figures/{name}.png" for name, (_, figure) in self.figures.items() if figure is None]


def summary(results: Results, metrics: Mapping[str, str]) -> pd.DataFrame:
    """A row for each condition with runs: its columns, each metric in percent, seeds, median minutes of a run.

    Args:
        results: the study's results.
        metrics: heading → metric.

    """
    shown = {task.condition.name: task.condition.shown for task in results.tasks}
    rows = []
    for condition, runs in results.frame.groupby("condition", sort=False):
        shares = {heading: percent(results.mean(str(condition), metric)) for heading, metric in metrics.items()}
        minutes = f"{runs['minutes'].median():.1f}"
        rows.append({**shown[str(condition)], **shares, "seeds": len(runs), "minutes a run": minutes})
    return pd.DataFrame(rows)


def comparisons(compared: Sequence[Compared], names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A row for each comparison of test accuracies."""
    shown = names or {}
    return pd.DataFrame(
        [
            {
                "": f"{shown.get(item.one, item.one)} against {shown.get(item.other, item.other)}",
                "difference (points)": item.difference,
                "seeds": item.seeds,
                "median p (McNemar)": item.median_p,
                "p after Holm": item.holm_p,
            }
            for item in compared
        ]
    )


def write(report: Report, results: Results, folder: Path) -> None:
    """Write `results.csv`, `comparisons.csv`, `answers/`, `figures/*.png`, and the results in `README.md`, if any."""
    folder.mkdir(parents=True, exist_ok=True)
    there = Recorded.read(folder)  # again: rows that another report has added meanwhile stay, too
    atomic.replace_text(folder / RUNS, runs_csv(merged(there.rows, results.rows)))
    there.archive.with_runs(results.new_predictions()).write(folder)
    compared = {(item.one, item.other): item for item in there.compared} | results.comparisons
    if compared:
        atomic.replace_text(folder / COMPARISONS, comparisons_csv(compared.values()))
    if report.figures:
        (folder / "figures").mkdir(exist_ok=True)
    for name, (_, figure) in report.figures.items():
        if figure is not None:
            _save(figure, _picture(folder, name))
    readme = folder / "README.md"
    if readme.exists():
        before = readme.read_text(encoding="utf-8")
        atomic.replace_text(readme, inserted(before, text(report, results, folder, before), readme))


def _save(figure: Figure, picture: Path) -> None:
    save_figure(lambda: figure, picture, _DPI)


def text(report: Report, results: Results, folder: Path, before: str) -> str:
    """The results in Markdown: tables, figures, and where they come from.

    Args:
        report: the study's report.
        results: the study's results.
        folder: the study's folder, with all figures.
        before: the README, whose tables are kept where the report has None.

    """
    tables = {
        heading: _table_of(before, heading) if table is None else markdown(table)
        for heading, table in report.tables.items()
    }
    parts = [f"{_headed(heading)}{table}" for heading, table in tables.items() if table is not None]
    parts += [
        f"![{seen}](figures/{name}.png)"
        for name, (seen, _) in report.figures.items()
        if _picture(folder, name).exists()
    ]
    return "\n\n".join(part.strip() for part in [*parts, provenance(results)])


def _headed(heading: str) -> str:
    return f"**{heading}**\n\n" if heading else ""


def _picture(folder: Path, name: str) -> Path:
    return folder / "figures" / f"{name}.png"


def _table_of(readme: str, heading: str) -> str | None:
    """The table under a heading in a README's results."""
    results = readme.partition(BEGIN)[2].partition(END)[0]
    after = results.partition(f"\n{_headed(heading)}|")[2]
    lines = takewhile(lambda line: line.startswith("|"), f"|{after}".splitlines())
    return "\n".join(lines) if after else None


def provenance(results: Results) -> str:
    """Number of runs, those that are missing, their duration, and the hardware."""
    done, missing = len(results.frame), len(results.missing)
    lines = [f"{done} of {done + missing} runs."]
    if missing:
        seeds: dict[str, list[int]] = {}
        for task in results.missing:
            seeds.setdefault(task.condition.name, []).append(task.seed)
        listed = (f"{condition} (seed {', '.join(map(str, which))})" for condition, which in seeds.items())
        lines.append(f"**Missing:** {'; '.join(listed)}.")
    if done:
        minutes = results.frame["minutes"]
        lines.append(
            f"Wall time: {minutes.sum() / 60:.1f} hours of one process in all, {minutes.median():.1f} minutes a run "
            f"(median; {minutes.min():.1f} to {minutes.max():.1f}), one thread each. Hardware: "
            f"{'; '.join(results.hardware())}."
        )
    return " ".join(lines)


def inserted(readme: str, results: str, place: Path) -> str:
    """The README with the text between the marks replaced.

    Raises:
        InputError: a mark is missing, or they are in the wrong order.

    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{place}: has no place for results; add the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{results}\n{END}{after}"
