"""What a search's parent says: the best trial, all trials as a table, and their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from tokenlayer.escaping import harmless
from tokenlayer.search.plan import SearchPlan
from tokenlayer.search.space import shown
from tokenlayer.search.study import Outcome, TrialRecord
from tokenlayer.terminal import safe
from tokenlayer.tracking.sweep_run import Child
from tokenlayer.tracking.sweep_tags import ERROR_TAG, TRIAL_TAG

TEST = "test/accuracy"
COUNTED = (Outcome.COMPLETE, Outcome.PRUNED)
"""The trials of which `search.n_trials` are wanted."""


@dataclass(frozen=True)
class SearchReport:
    """The present state of a search."""

    plan: SearchPlan
    n_trials: int
    """Wanted."""
    trials: Sequence[TrialRecord]
    best: TrialRecord | None
    """The complete trial that is best on the validation texts."""
    runs: Mapping[int, Child]
    """The latest run of each trial."""
    tested: Mapping[str, float]
    """Run id → test accuracy, as far as they are known."""

    def count(self, outcome: Outcome) -> int:
        """The number of trials that ended so."""
        return Counter(trial.outcome for trial in self.trials)[outcome]

    @property
    def n_left(self) -> int:
        """The trials that are still to be run."""
        return max(0, self.n_trials - sum(self.count(outcome) for outcome in COUNTED))

    @property
    def best_run(self) -> str | None:
        """The run of the best trial."""
        found = None if self.best is None else self.runs.get(self.best.number)
        return None if found is None else found.run_id

    def in_words(self) -> str:
        """`20 trials: 14 complete, 5 pruned, 1 failed, 1 to run`."""
        listed = [f"{self.count(outcome)} {outcome.value}" for outcome in Outcome if self.count(outcome)]
        listed += [f"{self.n_left} to run"] if self.n_left else []
        return f"{self.n_trials} trials: {', '.join(listed)}"

    def metrics(self) -> dict[str, float]:
        """The metrics of the parent."""
        counts = {f"trials/{outcome.name.lower()}": self.count(outcome) for outcome in (*COUNTED, Outcome.FAILED)}
        found: dict[str, float] = {**counts, "trials/left": self.n_left}
        if self.best is not None and self.best.value is not None:
            found[f"best/{self.plan.metric}"] = self.best.value
            tested = self.tested.get(self.best_run or "")
            found |= {} if tested is None else {f"best/{TEST}": tested}
        return found

    def best_in_words(self) -> list[str]:
        """Lines on the best trial; none before there is one."""
        if self.best is None or self.best.value is None:
            return []
        tested = self.tested.get(self.best_run or "")
        known = "" if tested is None else f", test accuracy {tested:.4f}"
        settings = " ".join(f"{key}={value}" for key, value in self.best.settings.items())
        return [
            f"best: trial {self.best.number}, {self.plan.metric} {self.best.value:.4f}{known}, run {self.best_run}",
            settings,
        ]

    def outcome_in_words(self, number: int) -> str:
        """What has come of a trial: `validation/accuracy 0.8123, best so far 0.8312`."""
        trial = self.trials[number]
        pruned = "pruned at " if trial.outcome is Outcome.PRUNED else ""
        own = "no value" if trial.value is None else f"{pruned}{self.plan.metric} {trial.value:.4f}"
        if self.best is None or self.best.value is None:
            return own
        return f"{own}, best so far {self.best.value:.4f}"

    def table(self) -> pd.DataFrame:
        """A row for each trial. Its test accuracy is left out: it is no reason to prefer one."""
        rows = [
            {
                "trial": trial.number,
                "state": trial.outcome.value,
                self.plan.metric: trial.value,
                **{key: harmless(trial.settings.get(key, "")) for key in self.plan.space},
                "run_id": self.runs[trial.number].run_id if trial.number in self.runs else None,
            }
            for trial in self.trials
        ]
        return pd.DataFrame(rows, columns=["trial", "state", self.plan.metric, *self.plan.space, "run_id"])

    def failures(self) -> list[tuple[int, str]]:
        """The trials that failed, each with the first line of what it said."""
        failed = [trial.number for trial in self.trials if trial.outcome is Outcome.FAILED]
        told = {number: child.tags.get(ERROR_TAG, "") for number, child in self.runs.items()}
        return [(number, told.get(number, "").partition("\n")[0]) for number in failed]

    def note(self, command: str, best_command: str | None) -> str:
        """What the page of the parent says first, in Markdown.

        Args:
            command: the command line of the search.
            best_command: that which trains with the best values.

        """
        parts = [f"**Search {self.plan.name}** · {self.in_words()}", f"```\n{safe(command)}\n```"]
        parts += [safe(self.best_in_words()[0])] if self.best is not None else []
        parts += [f"```\n{safe(best_command)}\n```"] if best_command is not None and self.best is not None else []
        parts.append(self._markdown())
        parts += [f"- trial {number} failed: {_inline(error)}" for number, error in self.failures()]
        return "\n\n".join(parts)

    def _markdown(self) -> str:
        header = ["trial", "state", self.plan.metric, *self.plan.space]
        rows = [
            [
                str(trial.number),
                trial.outcome.value,
                "" if trial.value is None else f"{trial.value:.4f}",
                *(shown(trial.settings.get(key, "")) for key in self.plan.space),
            ]
            for trial in self.trials
        ]
        lines = [header, ["---"] * len(header), *rows]
        return "\n".join("| " + " | ".join(map(_inline, line)) + " |" for line in lines)


def find_children(children: Sequence[Child]) -> dict[int, Child]:
    """The run of each trial: the latest, or the one that is finished.

    Args:
        children: the runs under the parent, the latest first.

    """
    found: dict[int, Child] = {}
    for child in children:
        number = child.tags.get(TRIAL_TAG, "")
        if number.isdecimal() and (int(number) not in found or child.status == "FINISHED"):
            found[int(number)] = child
    return found


def _inline(text: str) -> str:
    return safe(text).replace("|", "\\|").replace("\n", " ").replace("`", "'")
