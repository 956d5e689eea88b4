"""Why the original's rule cannot learn tokens, beside rules that do: ranks of the gradients, live tokens over time.

make experiment NAME=why_the_original_cannot_learn
"""

import sys
from pathlib import Path

import pandas as pd
from experiments.recipe import REVIEWS, RULES, rule_conditions
from experiments.why_the_original_cannot_learn.ranks import Spectra, rank, spectra
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokenlayer.comparison.figures import BLUE, CYCLE, ORANGE, VERMILION, draw_history, legend, panels
from tokenlayer.config.typed import load
from tokenlayer.study.command import main
from tokenlayer.study.conditions import Study
from tokenlayer.study.report import Report
from tokenlayer.study.results import Results, if_held
from tokenlayer.training.config import TrainConfig

# The runs are those of the study `rules`, if it has been run.
STUDY = Study("why_the_original_cannot_learn", REVIEWS, rule_conditions())
SHOWN = 500
FLOOR = 1e-18


def report(results: Results) -> Report:
    found = if_held(first_spectra, results)
    return Report(
        tables={
            "Share of tokens that match no validation text (%), mean over seeds": if_held(deaths, results),
            "Rank, on 1,000 training texts": None if found is None else ranks(found),
        },
        figures={
            "ranks_and_live_tokens": (
                "Singular values of the gradients, and live tokens by rule",
                if_held(lambda results: draw(results, found), results),
            )
        },
    )


def first_spectra(results: Results) -> Spectra | None:
    """The spectra of the gradients at the initial weights of a run, if there is one."""
    run = results.run_ids("original").get(0)
    return None if run is None else spectra(load(results.config(run), TrainConfig))


def draw(results: Results, found: Spectra | None) -> Figure:
    """Draw the spectra, and live tokens over the training."""
    figure, (left, right) = panels("One direction for 500 patterns, or one for each n-gram", 1, 1)
    if found is not None:
        draw_spectra(left, found)
    for (condition, (label, _)), color in zip(reversed(RULES.items()), CYCLE, strict=False):
        dead = results.history(condition, "tokens/dead_rate")
        live = {seed: history.assign(value=1 - history["value"]) for seed, history in dead.items()}
        draw_history(right, label, live, color)
    left.set(xlabel="number of the singular value", title="Singular values, the largest = 1")
    right.set(xlabel="step", title="Live tokens: they match in some validation text")
    for axes in (left, right):
        legend(axes)
    return figure


def draw_spectra(axes: Axes, found: Spectra) -> None:
    for (D, values), color in zip(found.patterns.items(), (BLUE, ORANGE), strict=True):
        shown = values[:SHOWN].clamp(min=FLOOR)
        axes.loglog(range(1, len(shown) + 1), shown, color=color, label=f"the original's pattern gradient, D = {D}")
    shown = found.ngrams.clamp(min=FLOOR)
    axes.loglog(range(1, len(shown) + 1), shown, color=VERMILION, linewidth=2.2, label="token gradients of n-grams")


def ranks(found: Spectra) -> pd.DataFrame:
    """A row for each gradient."""
    rows = [
        {"gradient": f"of the patterns before σ, D = {D}", "rank": rank(values, len(values)), "at most": len(values)}
        for D, values in found.patterns.items()
    ]
    ngrams = {"gradient": "of n-grams that are no tokens, text by text", "rank": rank(found.ngrams, 1000)}
    return pd.DataFrame([*rows, {**ngrams, "at most": len(found.ngrams)}])


def deaths(results: Results) -> pd.DataFrame:
    """A row for each rule: dead tokens at the first and the last validation, and the largest share."""
    rows = []
    for condition, (label, _) in RULES.items():
        seeds = [history["value"] for history in results.history(condition, "tokens/dead_rate").values()]
        if seeds:
            rows.append(
                {
                    "rule": label,
                    "first validation": f"{100 * sum(values.iloc[0] for values in seeds) / len(seeds):.1f}",
                    "last": f"{100 * sum(values.iloc[-1] for values in seeds) / len(seeds):.1f}",
                    "largest in any seed": f"{100 * max(values.max() for values in seeds):.1f}",
                    "seeds": len(seeds),
                }
            )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
