"""Accuracy by number of tokens: learned ones, and fixed vocabularies of every kind, on the IMDB reviews.

make experiment NAME=vocabulary_size
"""

import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from experiments.recipe import BEST_RULE, CONTROL, FIVE, ONE, REVIEWS, THREE, N
from matplotlib.figure import Figure

from tokenlayer.comparison.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Curve,
    draw_curves,
    horizontal_lines,
    label_ends,
    panels,
)
from tokenlayer.comparison.means import Mean, percent
from tokenlayer.study.command import main
from tokenlayer.study.conditions import CommandName, Condition, Study
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results

SIZES = (50, 100, 200, 500, 1000, 2000, 8000)
SIZES_BY_L0 = SIZES[:-1]
"""Up to where the choice takes some minutes at most."""
LEARNED = {"learned": ("learned", VERMILION, (f"learning_rule={BEST_RULE}",))}
CONTROLS = {
    "selected": ("selected without a network", BLUE, CONTROL),
    "selected_once": ("the same, one round", BLUE, (*CONTROL, "initializer.rounds=1")),
}
"""The selection of the rule without the network: what it has and n-grams by L1 have not is the teacher, the pool of
candidates and the surgery; beyond the first round also the residual of its own classifier."""
FIXED = {
    "l0_ngrams": ("n-grams by L0", BLUE),
    "l1_ngrams": ("n-grams by L1", GREEN),
    "l1_words": ("words by L1", ORANGE),
    "chi2_ngrams": ("n-grams by χ²", GREEN),
    "chi2_words": ("words by χ²", ORANGE),
    "frequent_words": ("frequent words", PURPLE),
    "unigram_segmented": ("Unigram", SKY),
    "bpe_segmented": ("BPE", SKY),
    "frequent_ngrams": ("frequent n-grams", GREY),
    "random_ngrams": ("random n-grams", GREY),
}
METHODS: Mapping[str, tuple[Any, ...]] = LEARNED | CONTROLS | FIXED
"""Name → label, color, and settings, if it is not an initializer of that name."""
DASHED = {"selected_once", "chi2_ngrams", "chi2_words", "bpe_segmented", "random_ngrams"}
BASELINES: dict[str, tuple[str, CommandName, tuple[str, ...]]] = {
    "nbsvm": ("NBSVM", "baseline", ("dataset=imdb", "baseline=nbsvm")),
    "tfidf": ("TF-IDF", "baseline", ("dataset=imdb", "baseline=tfidf")),
    "character_cnn": ("character CNN", "train", ("experiment=char_cnn",)),
}
"""Classifiers that are not limited to N tokens."""


def conditions() -> Iterator[Condition]:
    for size in SIZES:
        for name, (label, _, overrides) in LEARNED.items():
            setting = (*overrides, f"model.vocab_size={size}")
            yield Condition(f"{name}-{size}", setting, FIVE if size <= 2000 else THREE, {"method": label, "N": size})
        for name, (label, _, overrides) in CONTROLS.items():
            setting = (*overrides, f"model.vocab_size={size}")
            yield Condition(f"{name}-{size}", setting, seeds(name, size), {"method": label, "N": size})
        for name, (label, _) in FIXED.items():
            if name == "l0_ngrams" and size not in SIZES_BY_L0:
                continue
            setting = ("learning_rule=frozen", f"initializer={name}", f"model.vocab_size={size}")
            yield Condition(f"{name}-{size}", setting, seeds(name, size), {"method": label, "N": size})
    for name, (label, command, setting) in BASELINES.items():
        yield Condition(name, setting, ONE, {"method": label, "N": "all"}, command, has_common=False)


def seeds(name: str, size: int) -> tuple[int, ...]:
    """Seeds of a fixed vocabulary. Where nothing is drawn, only the order of the batches differs between seeds."""
    if name == "l0_ngrams":
        return ONE
    if size == N:
        return ONE if name == "selected_once" else FIVE
    return THREE if size <= 2000 and name in {"l1_ngrams", "l1_words", "chi2_words", "random_ngrams"} else ONE


STUDY = Study("vocabulary_size", REVIEWS, tuple(conditions()))


def report(results: Results) -> Report:
    means = {name: {size: mean for size in SIZES if (mean := results.mean(f"{name}-{size}")).n} for name in METHODS}
    baselines = {label: results.mean(name) for name, (label, *_) in BASELINES.items()}
    names = {f"{name}-{size}": f"{row[0]}, N = {size}" for name, row in METHODS.items() for size in SIZES}
    shares = {"validation (%)": "validation/accuracy", "test (%)": "test/accuracy"}
    return Report(
        tables={
            "Test accuracy (%), mean and 95 % interval over seeds": wide(means, baselines),
            "Learned against the fixed vocabulary that is best on validation": comparisons(
                results.compared(against_the_best(results)), names
            ),
            "What the network adds, and what the selection": comparisons(results.compared(against_controls()), names),
            "Every condition": summary(results, shares),
        },
        figures={"vocabulary_size": ("Test accuracy against the number of tokens", draw(means, baselines))},
    )


def wide(means: Mapping[str, Mapping[float, Mean]], baselines: Mapping[str, Mean]) -> pd.DataFrame:
    """A row for each method, a column for each size."""
    labels = {name: row[0] for name, row in METHODS.items()}
    rows = [
        {"N =": labels[name], **{f"{size:,}": percent(of.get(size, Mean(0, 0, 0))) for size in SIZES}}
        for name, of in means.items()
    ]
    rows += [{"N =": f"{label} (unlimited)", f"{SIZES[-1]:,}": percent(mean)} for label, mean in baselines.items()]
    return pd.DataFrame(rows)


def against_the_best(results: Results) -> list[tuple[str, str]]:
    """Pair each learned condition with the fixed vocabulary of its size that is best on validation."""
    pairs = []
    for size in SIZES:
        fixed = {name: results.mean(f"{name}-{size}", "validation/accuracy") for name in FIXED}
        known = {name: mean.mean for name, mean in fixed.items() if mean.n}
        if known:
            best = max(known, key=known.__getitem__)
            pairs += [(f"{name}-{size}", f"{best}-{size}") for name in LEARNED]
    return pairs


def against_controls() -> list[tuple[str, str]]:
    """At each size: learned against selected, more rounds against one, one against n-grams by L1."""
    steps = ("learned", "selected", "selected_once", "l1_ngrams")
    return [(f"{one}-{size}", f"{other}-{size}") for size in SIZES for one, other in pairwise(steps)]


def draw(means: Mapping[str, Mapping[float, Mean]], baselines: Mapping[str, Mean]) -> Figure:
    """Draw the headline figure: learned tokens against fixed vocabularies of the same size."""
    colors = {name: row[1] for name, row in METHODS.items()}
    labels = {name: row[0] for name, row in METHODS.items()}
    curves = [
        Curve(labels[name], means[name], colors[name], strong=name in LEARNED, dashed=name in DASHED) for name in means
    ]
    figure, (axes,) = panels("Learned tokens against fixed vocabularies of the same size", 1, height=6.2)
    draw_curves(axes, curves)
    axes.set(xlabel="number of tokens", ylabel="")
    axes.set_title("Test accuracy on IMDB reviews, mean of seeds with 95 % interval", loc="left", fontsize=10)
    horizontal_lines(axes, baselines)
    label_ends(axes, curves)
    return figure


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
