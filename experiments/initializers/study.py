"""Initial vocabularies of 500 tokens, with and without a rule that learns, on the IMDB reviews.

make experiment NAME=initializers
"""

import sys
from pathlib import Path

from experiments.recipe import BEST_RULE, FIVE, ONE, REVIEWS, compared_rules

from tokenlayer.comparison.figures import draw_dots, panels
from tokenlayer.study.command import main
from tokenlayer.study.conditions import Condition, Study
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results

INITIALIZERS = {
    "random_ngrams": "random n-grams",
    "frequent_ngrams": "frequent n-grams",
    "greedy_cover": "greatest cover",
    "chi2_ngrams": "n-grams by χ²",
    "l1_ngrams": "n-grams by L1",
    "original_gaussian": "noise",
}
CONDITIONS = tuple(
    Condition(
        f"{rule}-{initializer}",
        (f"learning_rule={rule}", f"initializer={initializer}"),
        FIVE if initializer == "random_ngrams" else ONE,  # shared with the study `rules`
        {"rule": rule, "initializer": label},
    )
    for initializer, label in INITIALIZERS.items()
    for rule in compared_rules()
)
STUDY = Study("initializers", REVIEWS, CONDITIONS)


def report(results: Results) -> Report:
    series = {
        rule: {label: results.mean(f"{rule}-{initializer}") for initializer, label in INITIALIZERS.items()}
        for rule in compared_rules()
    }
    figure, (axes,) = panels("Where a vocabulary begins, and where a rule takes it", 1)
    draw_dots(axes, list(INITIALIZERS.values()), series)
    axes.set(xlabel="test accuracy")
    pairs = [(f"{BEST_RULE}-{initializer}", f"frozen-{initializer}") for initializer in INITIALIZERS]
    pairs += [
        (f"{BEST_RULE}-{other}", f"{BEST_RULE}-random_ngrams") for other in INITIALIZERS if other != "random_ngrams"
    ]
    shares = {"validation (%)": "validation/accuracy", "test (%)": "test/accuracy"}
    return Report(
        tables={
            "Accuracy, mean and 95 % interval over seeds": summary(results, shares),
            "Test accuracy in pairs": comparisons(results.compared(pairs)),
        },
        figures={"initializers": ("Test accuracy by initializer and rule", figure)},
    )


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
