"""Every learning rule from the same 500 random n-grams, on the IMDB reviews.

make experiment NAME=rules
"""

import sys
from pathlib import Path

from experiments.recipe import BEST_RULE, CONTROL, FIVE, ONE, REVIEWS, RULES, rule_conditions
from matplotlib.figure import Figure

from tokenlayer.comparison.figures import CYCLE, draw_history, legend, panels
from tokenlayer.study.command import main
from tokenlayer.study.conditions import Condition, Study
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results, if_held

CONTROLS = {
    "selected": ("selected without a network", CONTROL, FIVE),
    "selected_once": ("the same, one round", (*CONTROL, "initializer.rounds=1"), ONE),
}
"""The selection of the best rule alone, with tokens that stay as they are: name → label, settings and seeds."""
STUDY = Study(
    "rules",
    REVIEWS,
    (
        *rule_conditions(),
        *(Condition(name, overrides, seeds, {"rule": label}) for name, (label, overrides, seeds) in CONTROLS.items()),
    ),
)
PAIRS = (
    *((BEST_RULE, other) for other in RULES if other != BEST_RULE),
    *((BEST_RULE, control) for control in CONTROLS),
    ("grow", "random_regrow"),
    ("grow", "grow-shuffled"),
    ("grow-shuffled", "random_regrow"),
)


def report(results: Results) -> Report:
    shares = {
        "validation (%)": "validation/accuracy",
        "test (%)": "test/accuracy",
        "dead tokens (%)": "tokens/dead_rate",
    }
    names = {condition: label for condition, (label, *_) in (RULES | CONTROLS).items()}
    return Report(
        tables={
            "Accuracy, mean and 95 % interval over seeds": summary(results, shares),
            "Test accuracy in pairs": comparisons(results.compared(list(dict.fromkeys(PAIRS))), names),
        },
        figures={"rules": ("Validation accuracy and live tokens over the training", if_held(draw, results))},
    )


def draw(results: Results) -> Figure:
    """Draw every rule over the training."""
    figure, (left, right) = panels("Tokens that learn: every rule from the same 500 random n-grams", 1, 1)
    for (condition, (label, _)), color in zip(reversed(RULES.items()), CYCLE, strict=False):
        draw_history(left, label, results.history(condition, "validation/accuracy"), color)
        dead = results.history(condition, "tokens/dead_rate")
        live = {seed: history.assign(value=1 - history["value"]) for seed, history in dead.items()}
        draw_history(right, label, live, color)
    left.set(xlabel="step", title="Validation accuracy")
    right.set(xlabel="step", title="Live tokens: they match in some validation text")
    legend(right)
    return figure


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
