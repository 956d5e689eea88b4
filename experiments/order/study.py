"""What learning in the network adds where the order of patterns decides, and the presence of one tells little.

make experiment NAME=order
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from experiments.recipe import ONE, THREE, TRAINING
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from tokenlayer.comparison.figures import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION, panels
from tokenlayer.study.command import main
from tokenlayer.study.conditions import Condition, Study
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results

FOLDER = "experiments/order/patterns"
"""The planted patterns of each seed: what `initializer=vocabulary` reads."""
N, N_PAIRS = 32, 6
MARGINALS = (0.0, 0.05, 0.1, 0.3)
"""What the presence of a pair's first pattern tells, in the texts of the pair."""
FEW, MANY = 4000, 8000
"""Numbers of texts, before the split."""
COMMON = (
    *TRAINING,
    "dataset=planted_order",
    f"dataset.n_pairs={N_PAIRS}",
    "dataset.n_words=16",
    "dataset.text_length=130",
    # As frequent as the patterns of the pairs.
    f"dataset.n_distractors={6 * N_PAIRS}",
    "dataset.distractors_per_text=6",
    "model=sequence",
    "model.token_dropout=0",  # without one of two patterns nothing can be told
    f"model.vocab_size={N}",
    "optimizer.lr=0.003",
    "trainer.gradient_clip_val=1.0",
    "trainer.max_epochs=8",
    # Each seed has a language and patterns of its own.
    "dataset.generation_seed=${seed}",
)

LINEAR = "learning_rule.token_gradient=linear"
"""N-grams are priced as if a linear path beside the transformer read them."""
LIME = "#98a800"

METHODS = {
    "oracle": (
        "the planted patterns",
        INK,
        ("learning_rule=frozen", "initializer=vocabulary", f"initializer.file={FOLDER}/${{seed}}.txt"),
    ),
    "grow_parts": (
        "grow, by parts of the text",
        VERMILION,
        ("learning_rule=grow", "learning_rule.n_parts=4", "initializer=random_ngrams"),
    ),
    "grow": ("grow", ORANGE, ("learning_rule=grow", "initializer=random_ngrams")),
    "grow_parts_linear": (
        "grow, by parts, linear path",
        PURPLE,
        ("learning_rule=grow", "learning_rule.n_parts=4", LINEAR, "initializer=random_ngrams"),
    ),
    "grow_linear": ("grow, linear path", SKY, ("learning_rule=grow", LINEAR, "initializer=random_ngrams")),
    "graft": ("graft", GREEN, ("learning_rule=graft", "initializer=random_ngrams")),
    "graft_linear": ("graft, linear path", LIME, ("learning_rule=graft", LINEAR, "initializer=random_ngrams")),
    "selected": ("selected without a network", BLUE, ("learning_rule=frozen", "initializer=selected")),
    "random_regrow": ("random regrowth", GREY, ("learning_rule=random_regrow", "initializer=random_ngrams")),
}
"""Name → label, color, settings."""
OF_INTEREST = ("grow_parts", "grow_parts_linear", "grow", "selected")
"""Three seeds at the two marginals about which the README makes a claim, as the planted patterns have; else one."""
CLAIMED = (0.0, 0.1)


def condition(method: str, relation: str, marginal: float, n_texts: int, seeds: tuple[int, ...]) -> Condition:
    label, _, overrides = METHODS[method]
    settings = (f"dataset.relation={relation}", f"dataset.marginal={marginal}", f"dataset.n_texts={n_texts}")
    size = (f"model.vocab_size={2 * N_PAIRS}",) if method == "oracle" else ()
    return Condition(
        f"{method}-{relation}-{marginal}-{n_texts}",
        (*overrides, *settings, *size),
        seeds,
        {"method": label, "relation": relation, "marginal": f"{marginal:g}", "texts": n_texts},
    )


def conditions() -> Iterator[Condition]:
    for method in METHODS:
        for marginal in MARGINALS if method != "oracle" else (0.0,):
            seeds = THREE if marginal in CLAIMED and method in (*OF_INTEREST, "oracle") else ONE
            yield condition(method, "order", marginal, FEW, seeds)
    for method in ("grow_parts", "selected"):
        for marginal in MARGINALS[:3]:
            yield condition(method, "order", marginal, MANY, ONE)
    for relation in ("distance", "combination"):
        for method in ("oracle", "grow_parts", "selected"):
            yield condition(method, relation, 0.0, FEW, ONE)


STUDY = Study("order", COMMON, tuple(conditions()))


def report(results: Results) -> Report:
    shares = {"found (%)": "planted/found", "test (%)": "test/accuracy"}
    pairs = [
        (f"grow_parts-order-{marginal}-{FEW}", f"{other}-order-{marginal}-{FEW}")
        for marginal in MARGINALS
        for other in ("selected", "grow", "grow_parts_linear")
    ]
    names = {
        each.name: f"{each.shown['method']}, marginal {each.shown['marginal']}"
        for each in STUDY.conditions
        if each.shown["texts"] == FEW
    }
    return Report(
        tables={
            "Mean and 95 % interval over seeds": summary(results, shares),
            "Test accuracy in pairs, 4,000 texts": comparisons(results.compared(pairs), names),
        },
        figures={"order": ("Test accuracy and patterns found, by what a single pattern tells", draw(results))},
    )


def draw(results: Results) -> Figure:
    """Accuracy and share found against what a single pattern tells, 4,000 texts whose class is the order.

    A dot is a run: of languages that differ, three runs are no distribution with an interval.
    """
    figure, axes = panels("Classes that depend on the order of two patterns", 1, 1)
    metrics = {"test/accuracy": "test accuracy", "planted/found": "share of the patterns found"}
    for axis, (metric, ylabel) in zip(axes, metrics.items(), strict=True):
        for name, (label, color, _) in METHODS.items():
            some = results.frame[results.frame["condition"].str.fullmatch(rf"{name}-order-[\d.]+-{FEW}")]
            if name == "oracle" or some.empty:
                continue
            marginal = some["marginal"].astype(float)
            axis.plot(marginal, some[metric], ".", color=color, alpha=0.45, markersize=8, markeredgewidth=0)
            means = some[metric].groupby(marginal).mean()
            axis.plot(means.index, means, "-", color=color, label=label, linewidth=1.6)
        axis.set(xlabel="what the presence of a single pattern tells", ylabel=ylabel)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].set_ylim(0.45, 1.0)
    axes[1].set_ylim(-0.03, 1.03)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=4)
    return figure


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
