"""Heads that read the tokens, with and without a rule that learns tokens for them, on the IMDB reviews.

make experiment NAME=heads
"""

import sys
from pathlib import Path

from experiments.recipe import BEST_RULE, FIVE, ONE, REVIEWS, THREE, compared_rules

from tokenlayer.comparison.figures import draw_dots, panels
from tokenlayer.study.command import main
from tokenlayer.study.conditions import Condition, Study
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results

# Of 0.01 (used for all others) and 0.001 the better one for two heads on the validation texts.
SLOWER = "optimizer.lr=0.001"
HEADS = {
    "presence": ("linear, presence", ("model/head=pool", "model.head.pooling=presence")),
    "sum": ("linear, sum", ("model/head=pool", "model.head.pooling=sum")),
    "mean": ("linear, mean", ("model/head=pool", "model.head.pooling=mean")),
    "log_count": ("linear, log(1 + count)", ("model/head=pool", "model.head.pooling=log_count")),
    "max": ("linear, max", ("model/head=pool", "model.head.pooling=max")),
    "conv": ("convolution", ("model/head=conv", SLOWER)),
    "attention": ("attention", ("model/head=attention", SLOWER)),
    "flatten": ("flatten (the original's)", ("model/head=flatten",)),
}


def seeds(rule: str, head: str) -> tuple[int, ...]:
    """One seed, but more for runs that the study `rules` shares, and for heads that might be the best."""
    if head == "presence" or (rule == BEST_RULE and head == "log_count"):
        return FIVE
    return THREE if rule == BEST_RULE and head in ("sum", "conv", "attention") else ONE


CONDITIONS = tuple(
    Condition(f"{rule}-{head}", (f"learning_rule={rule}", *overrides), seeds(rule, head), {"rule": rule, "head": label})
    for head, (label, overrides) in HEADS.items()
    for rule in compared_rules()
)
STUDY = Study("heads", REVIEWS, CONDITIONS)


def report(results: Results) -> Report:
    labels = {head: label for head, (label, _) in HEADS.items()}
    series = {
        rule: {label: results.mean(f"{rule}-{head}") for head, label in labels.items()} for rule in compared_rules()
    }
    figure, (axes,) = panels("What reads the tokens", 1)
    draw_dots(axes, list(labels.values()), series)
    axes.set(xlabel="test accuracy")
    pairs = [(f"{BEST_RULE}-{head}", f"{BEST_RULE}-presence") for head in HEADS if head != "presence"]
    pairs += [(f"{BEST_RULE}-{head}", f"frozen-{head}") for head in HEADS]
    shares = {"validation (%)": "validation/accuracy", "test (%)": "test/accuracy"}
    return Report(
        tables={
            "Accuracy, mean and 95 % interval over seeds": summary(results, shares),
            "Test accuracy in pairs": comparisons(results.compared(pairs)),
        },
        figures={"heads": ("Test accuracy by head and rule", figure)},
    )


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
