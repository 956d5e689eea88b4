"""The results of a study as files: CSV, figures, and the part of its README between two marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from tokenlayer.errors import InputError
from tokenlayer.study.recorded import COMPARISONS, RUNS, Compared, Recorded, comparisons_csv, merged, runs_csv
from tokenlayer.study.results import Results
from tokenlayer.study.statistics import percent

BEGIN, END = "<!-- results -->", "<!-- end of results -->"
_DPI = 150


@dataclass(frozen=True)
class Report:
    """What a study makes of its results. None stands for what it cannot make: that of before is kept."""

    tables: Mapping[str, pd.DataFrame | None] = field(default_factory=dict)
    """Tables for people, by heading."""
    figures: Mapping[str, tuple[str, Figure | None]] = field(default_factory=dict)
    """What is to be seen, and the figure, by the name of its file."""

    def kept(self) -> list[str]:
        """What it cannot make."""
        tables = [f"table {heading!r}" for heading, table in self.tables.items() if table is None]
        return tables + [f"figures/{name}.png" for name, (_, figure) in self.figures.items() if figure is None]


def summary(results: Results, metrics: Mapping[str, str]) -> pd.DataFrame:
    """One row a cell that has runs: what tells it, each metric in percent, seeds, and minutes of a run.

    Args:
        results: of the study.
        metrics: heading → metric.

    """
    shown = {task.cell.name: task.cell.shown for task in results.tasks}
    rows = []
    for cell, runs in results.frame.groupby("cell", sort=False):
        shares = {heading: percent(results.mean(str(cell), metric)) for heading, metric in metrics.items()}
        minutes = f"{runs['minutes'].median():.1f}"
        rows.append({**shown[str(cell)], **shares, "seeds": len(runs), "minutes a run": minutes})
    return pd.DataFrame(rows)


def comparisons(compared: Sequence[Compared], names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row a comparison of test accuracies."""
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


def markdown(table: pd.DataFrame) -> str:
    """A table of GitHub's Markdown."""
    cells = [[str(column) for column in table.columns], ["---"] * len(table.columns)]
    cells += [["" if pd.isna(value) else str(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in cells)


def write(report: Report, results: Results, folder: Path) -> None:
    """The rows of runs, the comparisons, `figures/*.png`, and the README's results, if there is a README."""
    folder.mkdir(parents=True, exist_ok=True)
    there = Recorded.read(folder)  # anew: what another report has added since stays, too
    _replace(folder / RUNS, runs_csv(merged(there.rows, results.rows)))
    compared = {(item.one, item.other): item for item in there.compared} | results.comparisons
    if compared:
        _replace(folder / COMPARISONS, comparisons_csv(compared.values()))
    if report.figures:
        (folder / "figures").mkdir(exist_ok=True)
    for name, (_, figure) in report.figures.items():
        if figure is not None:
            unfinished = folder / "figures" / f".{name}.png"
            figure.savefig(unfinished, dpi=_DPI)
            unfinished.replace(_picture(folder, name))
    readme = folder / "README.md"
    if readme.exists():
        before = readme.read_text(encoding="utf-8")
        _replace(readme, inserted(before, text(report, results, folder, before), readme).encode())


def text(report: Report, results: Results, folder: Path, before: str) -> str:
    """Tables, figures and how they came about, in Markdown.

    Args:
        report: what is new.
        results: of the study.
        folder: with the figures, new ones among them.
        before: the README whose tables take the place of those that the report cannot make.

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
    """The table that a README's results have under a heading."""
    results = readme.partition(BEGIN)[2].partition(END)[0]
    after = results.partition(f"\n{_headed(heading)}|")[2]
    lines = takewhile(lambda line: line.startswith("|"), f"|{after}".splitlines())
    return "\n".join(lines) if after else None


def provenance(results: Results) -> str:
    """How many runs there are, which are missing, how long they took, and on what."""
    done, missing = len(results.frame), len(results.missing)
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
