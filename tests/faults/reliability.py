"""Writes docs/reliability.md: what the tests marked `promise` have found, each of them by a real fault.

Rows of tests that are there and were not run stay: a new test needs no hour for its row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HEADING = """\
# Reliability

What befalls a run, what is promised, and what happened when it was tried. This file is written by `make test-faults`
from the outcomes of the tests that are named here; a hand that edits it is overwritten. "The same run" is the run that
nothing befell: equal bit for bit in weights, logs and metrics, no row missing and none twice, its status FINISHED.

| fault | promise | test | tried | held |
|---|---|---|---|---|
"""


@dataclass
class Promise:
    """A row of the table."""

    fault: str
    promise: str
    test: str
    outcomes: dict[str, str] = field(default_factory=dict)
    """The outcome of each test, by its id."""

    @property
    def tried(self) -> list[str]:
        return [outcome for outcome in self.outcomes.values() if outcome != "skipped"]

    @property
    def held(self) -> int:
        return self.tried.count("passed")

    def row(self) -> str:
        n = len(self.tried)
        shown = "not tried here" if not n else str(self.held) if self.held == n else f"**{self.held}**"
        return f"| {self.fault} | {self.promise} | `{self.test}` | {n} | {shown} |"


_ROW = re.compile(r"\| .* \| `(?P<file>[^`:]+)::(?P<function>\w+)` \| (?P<tried>\d+) \| (?P<held>.+) \|")


@dataclass(frozen=True)
class Written:
    """A row of the file as it is."""

    line: str
    test: str
    tried: int
    held: int


def written(target: Path) -> list[Written]:
    """The rows of the file whose tests are still there."""
    lines = target.read_text(encoding="utf-8").splitlines() if target.exists() else []
    rows = []
    for line in lines:
        found = _ROW.fullmatch(line)
        if found is None:
            continue
        test = Path(__file__).parents[1] / found["file"]
        if test.exists() and f"def {found['function']}(" in test.read_text(encoding="utf-8"):
            held = found["held"].strip("*")
            name = f"{found['file']}::{found['function']}"
            rows.append(Written(line, name, int(found["tried"]), int(held) if held.isdigit() else 0))
    return rows


class Reliability:
    """The plugin: collects the outcomes, and writes them when all tests have run."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._rows: dict[tuple[str, str, str], Promise] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        """Hand on what a test promises, with its outcome: pytest-xdist runs it in another process."""
        outcome = yield
        mark = item.get_closest_marker("promise")
        if mark is not None:
            report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's result
            report.user_properties.append(("promise", list(mark.args)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        given = dict(report.user_properties).get("promise")
        if given is None or (report.when != "call" and report.passed):
            return
        fault, promise = map(str, given)  # type: ignore[call-overload]  # a list, of pytest's object
        test = report.nodeid.partition("[")[0].removeprefix("tests/")
        row = self._rows.setdefault((fault, promise, test), Promise(fault, promise, test))
        if row.outcomes.get(report.nodeid) != "failed":
            row.outcomes[report.nodeid] = report.outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput"):  # of pytest-xdist: the process that hands out the tests has them all
            return
        run = [Written(row.row(), row.test, len(row.tried), row.held) for row in self._rows.values()]
        tests = {row.test for row in run}
        rows = sorted(
            [*run, *(row for row in written(self._target) if row.test not in tests)], key=lambda row: row.test
        )
        table = "\n".join(row.line for row in rows)
        counted = f"{sum(row.tried for row in rows)} faults tried, {sum(row.held for row in rows)} survived."
        self._target.write_text(f"{HEADING}{table}\n\n{counted}\n", encoding="utf-8")
