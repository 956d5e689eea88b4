"""What a sweep's parent says, and what the terminal shows at its end: settings against metrics, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tokenlayer.comparison.formats import as_csv, markdown
from tokenlayer.comparison.means import OF_TWO, percent
from tokenlayer.comparison.table import RUNS, condition_keys, means, settings_table
from tokenlayer.escaping import harmless
from tokenlayer.sweeps.plan import Plan
from tokenlayer.sweeps.states import JobState, State, counted, listed
from tokenlayer.terminal import console, safe
from tokenlayer.tracking.sweep_tags import ERROR_TAG

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = ("validation/accuracy", "test/accuracy")
"""The metrics of the note, of the terminal and of the figure."""
RESULTS, JOBS, FIGURE = "sweep/results.json", "sweep/jobs.json", "sweep/accuracy.png"
CSV = "sweep/results.csv"
_LEGEND = (
    "Mean ± half the width of its 95 % interval (Student's t), and standard deviation (sd), over the runs that differ "
    "in their seeds alone."
)
_METRIC = "metrics."
_SPLITS = ("test/", "validation/", "planted/")
_DPI = 120
_SHOWN_LEFT = 3


@dataclass(frozen=True)
class SweepReport:
    """The present state of a sweep."""

    plan: Plan
    present: Sequence[JobState]
    """The jobs of the command line."""
    earlier: Sequence[JobState]
    """The jobs of earlier command lines that this one does not have."""
    runs: pd.DataFrame
    """The runs under its parent, as `find_runs` returns them."""

    @property
    def states(self) -> list[JobState]:
        """All jobs of the sweep."""
        return [*self.earlier, *self.present]

    @property
    def is_done(self) -> bool:
        """True if every job of the sweep has ended well."""
        return all(state.state is State.DONE for state in self.states)

    @property
    def is_present_done(self) -> bool:
        """True if every job of the command line has ended well."""
        return all(state.state is State.DONE for state in self.present)

    def counts(self) -> dict[str, float]:
        """The metrics of the parent: jobs that are done, failed, and left."""
        by_state = counted(self.states)
        done, failed = by_state.get(State.DONE, 0), by_state.get(State.FAILED, 0)
        return {"jobs/done": done, "jobs/failed": failed, "jobs/left": len(self.states) - done - failed}

    def in_words(self) -> str:
        """`12 jobs: 10 done, 1 failed, 1 to run (4 of them by earlier command lines)`."""
        return f"{len(self.states)} jobs: {listed(self.states)}{self._of_earlier()}"

    def _of_earlier(self) -> str:
        if not self.earlier:
            return ""
        left = [state.name for state in self.earlier if state.state is not State.DONE]
        named = ", ".join(left[:_SHOWN_LEFT]) + (", …" if len(left) > _SHOWN_LEFT else "")
        more = f"; a command line with all values goes on with {named}" if left else ""
        return f" ({len(self.earlier)} of them by earlier command lines{more})"

    @cached_property
    def _keys(self) -> list[str]:
        return condition_keys(self.plan.keys)

    @cached_property
    def results(self) -> pd.DataFrame:
        """A row for each combination of settings, seeds aside, with the statistics of all metrics of the splits."""
        found = sorted(name.removeprefix(_METRIC) for name in map(str, self.runs) if name.startswith(_METRIC))
        return settings_table(self.runs, self._keys, [name for name in found if name.startswith(_SPLITS)])

    def table(self, *, with_deviation: bool = False) -> pd.DataFrame:
        """The same for reading: the settings, the accuracies in percent with their intervals, the number of runs.

        Args:
            with_deviation: give the standard deviation, too.

        """
        shown = self.results[self._keys].copy()
        for metric in self._accuracies():
            shown[f"{metric} (%)"] = [percent(mean) for mean in means(self.results, metric)]
            if with_deviation:
                deviations = self.results[f"{metric} std"]
                shown[f"{metric} sd"] = ["–" if pd.isna(sd) else f"{100 * sd:.1f}" for sd in deviations]
        return shown.assign(**{RUNS: self.results[RUNS]})

    def _accuracies(self) -> list[str]:
        return [metric for metric in SHOWN if f"{metric} mean" in self.results]

    def failures(self) -> list[tuple[str, str]]:
        """The jobs that failed, each with the first line of what it said."""
        errors = self._errors()
        failed = [state for state in self.states if state.state is State.FAILED]
        return [(state.name, errors.get(state.run_id or "", "").partition("\n")[0]) for state in failed]

    def _errors(self) -> dict[str, str]:
        column = f"tags.{ERROR_TAG}"
        if column not in self.runs:
            return {}
        told = self.runs[self.runs[column].notna()]
        return dict(zip(told["run_id"], told[column], strict=True))

    def note(self, command: str) -> str:
        """What the page of the parent says first, in Markdown."""
        table = self.table(with_deviation=True)
        parts = [f"**Sweep {self.plan.name}** · {self.in_words()}", f"```\n{safe(command)}\n```"]
        if len(table):
            parts += [safe(markdown(table)), f"{_LEGEND} {OF_TWO}" if 2 in set(table[RUNS]) else _LEGEND]
        parts += [f"- failed: {_inline(name)}: {_inline(error)}" for name, error in self.failures()]
        return "\n\n".join(parts)

    def show(self) -> None:
        """Print the table, the jobs that are not done, and their number."""
        from rich.table import Table  # noqa: PLC0415  # a job in another process shows none

        table = self.table()
        shown = Table()
        for column in table.columns:
            shown.add_column(harmless(str(column)), overflow="fold")
        for row in table.itertuples(index=False):
            shown.add_row(*(harmless(str(cell)) for cell in row))
        terminal = console()
        if len(table):
            terminal.print(shown)
        for name, error in self.failures():
            terminal.print(safe(f"failed: {name}: {error}"), soft_wrap=True)
        terminal.print(safe(self.in_words()), soft_wrap=True)

    def write_files(self, folder: Path) -> None:
        """Write the results and the jobs as JSON, which MLflow shows as tables, the results as CSV and as a figure."""
        (folder / "sweep").mkdir()
        (folder / CSV).write_text(as_csv(self.results), encoding="utf-8")
        _write_table(self.results, folder / RESULTS)
        _write_table(self._jobs(), folder / JOBS)
        if self._accuracies() and len(self.results):
            from tokenlayer.training.drawing import save_figure  # noqa: PLC0415  # Matplotlib takes a second

            save_figure(self._figure, folder / FIGURE, _DPI)

    def _jobs(self) -> pd.DataFrame:
        rows = [{**state.swept, "state": state.state.value, "run_id": state.run_id} for state in self.states]
        return pd.DataFrame(rows)

    def _figure(self) -> Figure:
        from tokenlayer.comparison.figures import draw_dots, panels  # noqa: PLC0415  # Matplotlib takes a second

        names = [" ".join(values) or self.plan.name for values in self.results[self._keys].itertuples(index=False)]
        figure, (axes,) = panels(f"Sweep {self.plan.name}", 1, height=1.6 + 0.3 * len(names))
        series = {metric: dict(zip(names, means(self.results, metric), strict=True)) for metric in self._accuracies()}
        draw_dots(axes, names, series)
        return figure


def _write_table(table: pd.DataFrame, path: Path) -> None:
    table.to_json(path, orient="split", index=False)


def _inline(text: str) -> str:
    return safe(text).replace("|", "\\|").replace("\n", " ").replace("`", "'")
