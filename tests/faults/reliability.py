"""Writes docs/reliability.md: what the tests marked `promise` have found, each of them by a real fault."""

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

    def row(self) -> str:
        tried = [outcome for outcome in self.outcomes.values() if outcome != "skipped"]
        held = sum(outcome == "passed" for outcome in tried)
        shown = "not tried here" if not tried else str(held) if held == len(tried) else f"**{held}**"
        return f"| {self.fault} | {self.promise} | `{self.test}` | {len(tried)} | {shown} |"


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
        rows = sorted(self._rows.values(), key=lambda row: row.test)
        tried = [outcome for row in rows for outcome in row.outcomes.values() if outcome != "skipped"]
        held = sum(outcome == "passed" for outcome in tried)
        table = "\n".join(row.row() for row in rows)
        self._target.write_text(f"{HEADING}{table}\n\n{len(tried)} faults tried, {held} survived.\n", encoding="utf-8")
