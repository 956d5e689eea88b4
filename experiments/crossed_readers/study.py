"""Tokens learned with one reader and read by another, on the IMDB reviews: 500 tokens, 20 of which are read of a text.

make experiment NAME=crossed_readers
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from experiments.recipe import REVIEWS, N
from experiments.sequence_models.study import READER, budgeted
from matplotlib.figure import Figure

from tokenlayer.comparison.figures import draw_dots, panels
from tokenlayer.study.command import main
from tokenlayer.study.conditions import Condition, Study
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results

FOLDER = "experiments/crossed_readers/vocabularies"
"""The tokens that each reader has learned with each seed: what `initializer=vocabulary` reads."""
SEEDS = (0, 1)
BUDGET = 20
"""Tokens read of a text, on average."""

READERS = {
    "linear": ("linear head", REVIEWS),
    "transformer": ("transformer", (*READER, "model/reader=transformer")),
    "recurrent": ("recurrent unit", (*READER, "model/reader=recurrent")),
}
"""Name → label, settings."""
ALONE, AGAIN = "with its reader", "read anew"


def learned(name: str) -> Condition:
    """The tokens and their reader together."""
    label, overrides = READERS[name]
    price, longest = budgeted("learned", BUDGET)
    reads = (price,) if name == "linear" else (price, longest)
    rule = ("learning_rule=graft", "initializer=random_ngrams", f"model.vocab_size={N}")
    return condition(f"{name}-learned", label, label, ALONE, (*overrides, *rule, *reads))


def read(learner: str, reader: str) -> Condition:
    """The tokens that one has learned, read by another, or by another of its kind."""
    tokens = f"initializer.file={FOLDER}/{learner}-${{seed}}.txt"
    overrides = [text for text in READERS[reader][1] if not text.startswith("initializer")]
    longest = () if reader == "linear" else (budgeted("learned", BUDGET)[1],)
    frozen = ("learning_rule=frozen", "initializer=vocabulary", tokens, f"model.vocab_size={N}")
    shown = READERS[learner][0], READERS[reader][0], AGAIN
    return condition(f"{learner}-read-by-{reader}", *shown, (*overrides, *frozen, *longest))


def condition(name: str, learner: str, reader: str, how: str, overrides: tuple[str, ...]) -> Condition:
    return Condition(name, overrides, SEEDS, {"learned by": learner, "read by": reader, "how": how})


def conditions() -> Iterator[Condition]:
    for name in READERS:
        yield learned(name)
    for learner in READERS:
        for reader in READERS:
            yield read(learner, reader)


STUDY = Study("crossed_readers", (), tuple(conditions()))


def report(results: Results) -> Report:
    shares = {"validation (%)": "validation/accuracy", "test (%)": "test/accuracy"}
    names = {
        each.name: f"learned by {each.shown['learned by']}, read by {each.shown['read by']}, {each.shown['how']}"
        for each in STUDY.conditions
    }
    own = [(f"{reader}-read-by-{reader}", f"{learner}-read-by-{reader}") for reader in READERS for learner in READERS]
    kept = [(f"{reader}-read-by-{reader}", f"{reader}-learned") for reader in READERS]
    pairs = [*((one, other) for one, other in own if one != other), *kept]
    return Report(
        tables={
            "Mean and 95 % interval over seeds": summary(results, shares),
            "Test accuracy in pairs": comparisons(results.compared(pairs), names),
        },
        figures={"crossed_readers": ("Test accuracy of each reader, by whose tokens it reads", draw(results))},
    )


def draw(results: Results) -> Figure:
    """A row for each reader, a dot for each learner."""
    figure, (axes,) = panels("Tokens learned with one reader, read anew by another", 1, height=2.8)
    series = {
        f"tokens of the {label}": {
            READERS[reader][0]: results.mean(f"{learner}-read-by-{reader}") for reader in READERS
        }
        for learner, (label, _) in READERS.items()
    }
    draw_dots(axes, [label for label, _ in READERS.values()], series)
    axes.set_xlabel("test accuracy")
    return figure


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
