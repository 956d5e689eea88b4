"""Accuracy against the number of tokens: learned, and fixed vocabularies of every kind, on the IMDB reviews.

make experiment NAME=vocabulary_size
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from tokenlayer.study.cells import Cell, CommandName, Study
from tokenlayer.study.command import main
from tokenlayer.study.figures import (
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Curve,
    draw_curves,
    label_ends,
    panels,
    reference_lines,
)
from tokenlayer.study.recipe import BEST_RULE, FIVE, ONE, REVIEWS, THREE, N
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results
from tokenlayer.study.statistics import Mean, percent

SIZES = (50, 100, 200, 500, 1000, 2000, 8000)
LEARNED = {"learned": ("learned", VERMILION, (f"learning_rule={BEST_RULE}",))}
FIXED = {
    "l1_grams": ("grams by L1", GREEN),
    "l1_words": ("words by L1", ORANGE),
    "discriminative": ("grams by χ²", GREEN),
    "chi2_words": ("words by χ²", ORANGE),
    "frequent_words": ("frequent words", PURPLE),
    "unigram_segmented": ("Unigram", SKY),
    "bpe_segmented": ("BPE", SKY),
    "frequent_grams": ("frequent grams", GREY),
    "random_grams": ("random grams", GREY),
}
DASHED = {"discriminative", "chi2_words", "bpe_segmented", "random_grams"}
REFERENCES: dict[str, tuple[str, CommandName, tuple[str, ...]]] = {
    "nbsvm": ("NBSVM", "reference", ("dataset=imdb", "reference=nbsvm")),
    "tfidf": ("TF-IDF", "reference", ("dataset=imdb", "reference=tfidf")),
    "character_cnn": ("character CNN", "train", ("experiment=char_cnn",)),
}
"""What is not bound to N tokens."""


def cells() -> Iterator[Cell]:
    for size in SIZES:
        for name, (label, _, overrides) in LEARNED.items():
            setting = (*overrides, f"model.n_neurons={size}")
            yield Cell(f"{name}-{size}", setting, FIVE if size <= 2000 else THREE, {"method": label, "N": size})
        for name, (label, _) in FIXED.items():
            setting = ("learning_rule=frozen", f"initializer={name}", f"model.n_neurons={size}")
            yield Cell(f"{name}-{size}", setting, seeds(name, size), {"method": label, "N": size})
    for name, (label, command, setting) in REFERENCES.items():
        yield Cell(name, setting, ONE, {"method": label, "N": "all"}, command, has_common=False)


def seeds(name: str, size: int) -> tuple[int, ...]:
    """Of a fixed vocabulary: where nothing is drawn, the seed moves but the order of the batches."""
    if size == N:
        return FIVE
    return THREE if size <= 2000 and name in {"l1_grams", "l1_words", "chi2_words", "random_grams"} else ONE


STUDY = Study("vocabulary_size", REVIEWS, tuple(cells()))


def report(results: Results) -> Report:
    means = {
        name: {size: mean for size in SIZES if (mean := results.mean(f"{name}-{size}")).n} for name in LEARNED | FIXED
    }
    references = {label: results.mean(name) for name, (label, *_) in REFERENCES.items()}
    names = {f"{name}-{size}": f"{row[0]}, N = {size}" for name, row in (LEARNED | FIXED).items() for size in SIZES}
    shares = {"validation (%)": "validation/accuracy", "test (%)": "test/accuracy"}
    rows = summary(results, shares)
    return Report(
        tables={
            "Test accuracy (%), mean and 95 % interval over seeds": wide(means, references),
            "Learned against the fixed vocabulary that is best on validation": comparisons(
                results.compared(against_the_best(results)), names
            ),
            "Every cell": rows,
        },
        figures={"vocabulary_size": ("Test accuracy against the number of tokens", draw(means, references))},
    )


def wide(means: Mapping[str, Mapping[float, Mean]], references: Mapping[str, Mean]) -> pd.DataFrame:
    """A row a method, a column a size."""
    labels = {name: row[0] for name, row in (LEARNED | FIXED).items()}
    rows = [
        {"N =": labels[name], **{f"{size:,}": percent(of.get(size, Mean(0, 0, 0))) for size in SIZES}}
        for name, of in means.items()
    ]
    rows += [{"N =": f"{label} (unlimited)", f"{SIZES[-1]:,}": percent(mean)} for label, mean in references.items()]
    return pd.DataFrame(rows)


def against_the_best(results: Results) -> list[tuple[str, str]]:
    """Each learned cell with the fixed vocabulary of its size that validates best."""
    pairs = []
    for size in SIZES:
        fixed = {name: results.mean(f"{name}-{size}", "validation/accuracy") for name in FIXED}
        known = {name: mean.mean for name, mean in fixed.items() if mean.n}
        if known:
            best = max(known, key=known.__getitem__)
            pairs += [(f"{name}-{size}", f"{best}-{size}") for name in LEARNED]
    return pairs


def draw(means: Mapping[str, Mapping[float, Mean]], references: Mapping[str, Mean]) -> Figure:
    """The headline: learned tokens above every fixed vocabulary of their number."""
    colors = {name: row[1] for name, row in (LEARNED | FIXED).items()}
    labels = {name: row[0] for name, row in (LEARNED | FIXED).items()}
    curves = [
        Curve(labels[name], means[name], colors[name], strong=name in LEARNED, dashed=name in DASHED) for name in means
    ]
    figure, (axes,) = panels("Learned tokens against fixed vocabularies of the same size", 1, height=6.2)
    draw_curves(axes, curves)
    axes.set(xlabel="number of tokens", ylabel="")
    axes.set_title("Test accuracy on IMDB reviews, mean of seeds with 95 % interval", loc="left", fontsize=10)
    reference_lines(axes, references)
    label_ends(axes, curves)
    return figure


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
