"""The official split of the IMDB reviews at their full length, to compare with the literature.

make experiment NAME=official_split
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from experiments.recipe import BEST_RULE, ONE, REVIEWS, N

from tokenlayer.comparison.figures import draw_dots, panels
from tokenlayer.study.command import main
from tokenlayer.study.conditions import Condition, Study
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results

SIZES = (N, 2000)
METHODS = {
    "learned": ("learned", (f"learning_rule={BEST_RULE}",)),
    "l1_words": ("words by L1", ("learning_rule=frozen", "initializer=l1_words")),
    "random_ngrams": ("random n-grams", ("learning_rule=frozen",)),
}
# Accuracies in the literature on the 25,000 test reviews: vocabularies of any size, and models of bytes.
LITERATURE = "MNB-bi 86.59, bigrams (fastText) 90.56, NBSVM-bi 91.22; from bytes alone: S4 86.8, S5 89.3, MEGA 90.4"


def conditions() -> Iterator[Condition]:
    for size in SIZES:
        for name, (label, overrides) in METHODS.items():
            yield Condition(
                f"{name}-{size}", (*overrides, f"model.vocab_size={size}"), ONE, {"method": label, "N": size}
            )


STUDY = Study("official_split", (*REVIEWS, "dataset.split=official", "dataset.text_length=6000"), tuple(conditions()))


def report(results: Results) -> Report:
    labels = {name: label for name, (label, _) in METHODS.items()}
    series = {
        f"N = {size:,}": {label: results.mean(f"{name}-{size}") for name, label in labels.items()} for size in SIZES
    }
    figure, (axes,) = panels("The official split, reviews of up to 6,000 characters", 1, height=3.6)
    draw_dots(axes, list(labels.values()), series)
    axes.set(xlabel="test accuracy, 25,000 reviews")
    pairs = [(f"learned-{size}", f"l1_words-{size}") for size in SIZES]
    shares = {"validation (%)": "validation/accuracy", "test (%)": "test/accuracy"}
    return Report(
        tables={
            f"Accuracy, mean and 95 % interval over seeds. In the literature: {LITERATURE}": summary(results, shares),
            "Test accuracy in pairs": comparisons(results.compared(pairs)),
        },
        figures={"official_split": ("Test accuracy on the official split", figure)},
    )


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
