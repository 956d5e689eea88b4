"""Why the original's rule cannot learn tokens, beside rules that do: ranks of the gradients, live tokens over time.

make experiment NAME=why_the_seed_cannot_learn
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from ranks import Spectra, rank, spectra

from tokenlayer.config.schema import TrainConfig
from tokenlayer.config.typed import load
from tokenlayer.study.cells import Study
from tokenlayer.study.command import main
from tokenlayer.study.figures import BLUE, CYCLE, ORANGE, VERMILION, draw_history, legend, panels
from tokenlayer.study.recipe import REVIEWS, RULES, rule_cells
from tokenlayer.study.report import Report
from tokenlayer.study.results import Results, if_held

# The runs of `rules`: who has made those needs no others.
STUDY = Study("why_the_seed_cannot_learn", REVIEWS, rule_cells())
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
    """Of the gradients at the initial weights of a run, if there is one."""
    run = results.run_ids("seed").get(0)
    return None if run is None else spectra(load(results.config(run), TrainConfig))


def draw(results: Results, found: Spectra | None) -> Figure:
    """The spectra, and live tokens over the training."""
    figure, (left, right) = panels("One direction for 500 patterns, or one for each gram", 1, 1)
    if found is not None:
        draw_spectra(left, found)
    for (cell, (label, _)), color in zip(reversed(RULES.items()), CYCLE, strict=False):
        dead = results.history(cell, "tokens/dead_rate")
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
    shown = found.grams.clamp(min=FLOOR)
    axes.loglog(range(1, len(shown) + 1), shown, color=VERMILION, linewidth=2.2, label="token gradients of grams")


def ranks(found: Spectra) -> pd.DataFrame:
    """A row a gradient."""
    rows = [
        {"gradient": f"of the patterns before σ, D = {D}", "rank": rank(values, len(values)), "at most": len(values)}
        for D, values in found.patterns.items()
    ]
    grams = {"gradient": "of grams that are no tokens, text by text", "rank": rank(found.grams, 1000)}
    return pd.DataFrame([*rows, {**grams, "at most": len(found.grams)}])


def deaths(results: Results) -> pd.DataFrame:
    """A row a rule, at the first and the last validation, and at worst."""
    rows = []
    for cell, (label, _) in RULES.items():
        seeds = [history["value"] for history in results.history(cell, "tokens/dead_rate").values()]
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
