"""Accuracy of a small transformer by the number of tokens that it reads of a text, on the IMDB reviews.

make experiment NAME=sequence_models
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch
from experiments.recipe import FIVE, ONE, TRAINING
from matplotlib.figure import Figure
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tokenlayer.comparison.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, panels
from tokenlayer.models.readers.transformer import TransformerReaderConfig
from tokenlayer.study.command import main
from tokenlayer.study.conditions import Condition, Study
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results

READER = (
    "dataset=imdb",
    "dataset.batch_size=64",
    "model=sequence",
    "optimizer.lr=0.002",
    "trainer.max_epochs=3",
    "trainer.gradient_clip_val=1.0",
    "callbacks.checkpoints.monitor=validation/accuracy",
    "callbacks.checkpoints.mode=max",
    *TRAINING[1:],
)
"""Those of `conf/experiment/sequence_imdb.yaml`, for any vocabulary."""
FROZEN = "learning_rule=frozen"
SIZES = (500, 2000, 8000)
BUDGETS = (8, 16, 32, 64, 256)
LARGEST = SIZES[-1]
"""So many n-grams, each in 30 texts at least, are read 8.6 times in a text even if they are the rarest."""
OUT_OF_REACH = ("l1_ngrams", 8000, 16)
"""Of the n-grams that L1 chooses among, the 8,000 that are read least are read 28.7 times in a text."""
HEADLINES = ((500, 10), (500, 20), (2000, 40), (8000, 55))
"""Sizes and budgets that the README shows, with five seeds."""
TICKS = (8, 16, 32, 64, 128, 256, 512)
ALL = 35_000
SAMPLES = {1000: 30, 3500: 12, 10_000: 6}
"""Numbers of training texts → epochs: of few texts more, of which the best counts."""
PREFIXES = (8, 16, 32, 64, 256, 512)
"""First tokens of a text that are read where each character is covered by one."""
TUNED_PREFIX = 256

CHOSEN = {
    "learned": ("learned in the network", VERMILION, ("learning_rule=graft", "initializer=random_ngrams")),
    "selected": ("selected without a network", ORANGE, (FROZEN, "initializer=selected")),
    "selected_learned": (
        "selected, then learned",
        BLUE,
        ("learning_rule=graft", "initializer=selected"),
    ),
    "l1_ngrams": ("n-grams by L1", GREEN, (FROZEN, "initializer=l1_ngrams")),
    "chi2_words": ("words by χ²", GREY, (FROZEN, "initializer=chi2_words")),
}
"""Name → label, color, settings: vocabularies that are chosen by the labels, under a budget."""
COVERING = {
    "bpe": ("BPE", SKY, (FROZEN, "initializer=bpe_segmented")),
    "unigram": ("Unigram", PURPLE, (FROZEN, "initializer=unigram_segmented")),
}
"""Vocabularies that cover each character of a text once."""
ALPHABET = 30
CHARACTERS = {"characters": ("characters", GREY, (FROZEN, "initializer=characters"))}
"""The characters themselves, as many as the alphabet has. Not in the figure."""
BESIDE = {
    "learned_linear": (
        "learned, gradient of a linear path",
        GREEN,
        ("learning_rule=graft", "learning_rule.token_gradient=linear", "initializer=random_ngrams"),
    )
}
"""As `learned`, but for the gradient by which n-grams are priced. Not in the figure."""


@dataclass(frozen=True)
class Training:
    """What is tried on validation texts; the defaults are those of `READER`."""

    numbers: float = 0.2
    """Share of numbers that dropout leaves out."""
    tokens: float = 0.1
    """Share of tokens that dropout leaves out."""
    rate: float = 0.002
    epochs: int = 3

    @property
    def overrides(self) -> tuple[str, ...]:
        dropped = (f"model.reader.dropout={self.numbers}", f"model.token_dropout={self.tokens}")
        return (*dropped, f"optimizer.lr={self.rate}", f"trainer.max_epochs={self.epochs}")

    @property
    def shown(self) -> dict[str, str | int]:
        return {"dropout": f"{self.numbers}, {self.tokens}", "learning rate": f"{self.rate}", "epochs": self.epochs}


USUAL = Training()
STRONG = replace(USUAL, numbers=0.3, tokens=0.2)
BEST = {("chosen", 8000): STRONG}
"""Kind of vocabulary, size → what is better than `USUAL` on validation texts."""
TRIED = dict(HEADLINES)
"""Size → budget at which others are tried for vocabularies that are chosen by the labels."""


def training(name: str, size: int) -> Training:
    kind = name if name in COVERING else "chosen"
    return BEST.get((kind, size), USUAL)


def budgeted(name: str, budget: float) -> tuple[str, ...]:
    """The settings of a budget: of the rule, of the initializer, or of both. Long texts may hold four times as many."""
    keys = {
        "learned": ("learning_rule",),
        "learned_linear": ("learning_rule",),
        "selected_learned": ("learning_rule", "initializer"),
    }.get(name, ("initializer",))
    # Of other texts than those by which the tokens are chosen, some hundredths more or fewer are read.
    within = 0.98 * budget
    return (*(f"{key}.tokens_per_text={within:g}" for key in keys), f"model.max_tokens={int(4 * budget)}")


def condition(
    name: str,
    size: int,
    budget: int,
    seeds: tuple[int, ...],
    suffix: str = "",
    trained: Training | None = None,
    n_train: int = ALL,
) -> Condition:
    label, _, overrides = (CHOSEN | COVERING | CHARACTERS | BESIDE)[name]
    is_cut = name in COVERING | CHARACTERS
    reads = (f"model.max_tokens={budget}",) if is_cut else budgeted(name, budget)
    trained = trained or training(name, size)
    few = () if n_train == ALL else (f"dataset.n_train={n_train}",)
    return Condition(
        f"{name}-{size}-{budget}{suffix}",
        (*overrides, f"model.vocab_size={size}", *reads, *trained.overrides, *few),
        seeds,
        {"method": label, "N": size, "budget": budget, "training texts": n_train, **trained.shown},
    )


def conditions() -> Iterator[Condition]:
    for size in SIZES:
        possible = BUDGETS[1:] if size == LARGEST else BUDGETS
        budgets = sorted({*possible, *(budget for N, budget in HEADLINES if size == N)})
        for name in CHOSEN:
            for budget in budgets:
                is_headline = (size, budget) in HEADLINES and name != "chi2_words"
                if (name, size, budget) != OUT_OF_REACH:
                    yield condition(name, size, budget, FIVE if is_headline else ONE)
        for name in COVERING:
            for prefix in PREFIXES:
                yield condition(name, size, prefix, ONE)


def characters() -> Iterator[Condition]:
    for prefix in PREFIXES:
        yield condition("characters", ALPHABET, prefix, ONE)


def tuning() -> Iterator[Condition]:
    """Other trainings, for one vocabulary of each kind: which is better on validation texts is in `BEST`.

    Dropout of all sizes, learning rate and epochs of the smallest.
    """
    for size in SIZES:
        for name, budget in (("selected", TRIED[size]), *((name, TUNED_PREFIX) for name in COVERING)):
            best = training(name, size)
            other = replace(USUAL if best is STRONG else STRONG, rate=best.rate, epochs=best.epochs)
            suffix = "-strong" if other == STRONG else "-light"
            yield condition(name, size, budget, FIVE if name == "selected" else ONE, suffix, other)
    for name, budget in (("selected", TRIED[500]), *((name, TUNED_PREFIX) for name in COVERING)):
        best = training(name, 500)
        yield condition(name, 500, budget, ONE, "-slow", replace(best, rate=0.001))
        yield condition(name, 500, budget, ONE, "-fast", replace(best, rate=0.004))
        yield condition(name, 500, budget, ONE, "-long", replace(best, epochs=6))


def samples() -> Iterator[Condition]:
    """N = 500 learned from fewer texts; those of all are among the other conditions."""
    for n_train, epochs in SAMPLES.items():
        for name, budget in (("selected", 20), ("learned", 20), ("l1_ngrams", 20), ("bpe", 256)):
            trained = replace(training(name, 500), epochs=epochs)
            yield condition(name, 500, budget, ONE, f"-of-{n_train}", trained, n_train)


def beside() -> Iterator[Condition]:
    """Learned by the gradient of a linear path beside the transformer, at the headlines of N = 500."""
    for budget in (10, 20):
        yield condition("learned_linear", 500, budget, FIVE)


STUDY = Study("sequence_models", READER, (*conditions(), *characters(), *tuning(), *samples(), *beside()))


def report(results: Results) -> Report:
    shares = {"validation (%)": "validation/accuracy", "test (%)": "test/accuracy"}
    names = {
        each.name: f"{each.shown['method']}, N = {each.shown['N']}, budget {each.shown['budget']}"
        for each in STUDY.conditions
    }
    pairs = [
        (f"selected-{N}-{budget}", f"{name}-{N}-{budget}")
        for N, budget in HEADLINES
        for name in CHOSEN
        if name != "selected"
    ]
    pairs += [(f"learned-500-{budget}", f"learned_linear-500-{budget}") for budget in (10, 20)]
    return Report(
        tables={
            "Accuracy by tokens read, mean and 95 % interval over seeds": with_reads(results, summary(results, shares)),
            "Test accuracy in pairs": comparisons(results.compared(pairs), names),
        },
        figures={"sequence_models": ("Test accuracy by the number of tokens read of a text", draw(results))},
    )


def with_reads(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the tokens that are read of a test text, on average, and what it costs to read so many."""
    if table.empty:
        return table
    reads = results.frame.groupby("condition", sort=False)["test/tokens_read"].mean()
    table.insert(3, "tokens read", [f"{read:.1f}" for read in reads])
    table.insert(4, "MFLOPs a text", [f"{flops(round(read)) / 1e6:.2f}" for read in reads])
    return table


def flops(n_tokens: int) -> int:
    """Floating-point operations by which the reader reads a text of so many tokens and its start element, counted."""
    config = TransformerReaderConfig()
    reader, S = config.build(text_length=2000).eval(), n_tokens + 1
    elements = torch.zeros(1, S, config.width), torch.zeros(1, S, dtype=torch.long), torch.ones(1, S)
    # The other kernels of attention are not counted.
    with sdpa_kernel(SDPBackend.MATH), torch.no_grad(), FlopCounterMode(display=False) as counter:
        reader(*elements)
    return counter.get_total_flops()


def draw(results: Results) -> Figure:
    """A panel for each size: accuracy against tokens read."""
    figure, axes = panels("What a transformer makes of the tokens that it reads", 1, 1, 1, height=4.2)
    lowest = 1.0
    for axis, size in zip(axes, SIZES, strict=True):
        for name, (label, color, _) in (CHOSEN | COVERING).items():
            some = results.frame[results.frame["condition"].str.fullmatch(rf"{name}-{size}-\d+")]
            if some.empty:
                continue
            by = some.groupby("condition")[["test/tokens_read", "test/accuracy"]].mean().sort_values("test/tokens_read")
            axis.plot(by["test/tokens_read"], by["test/accuracy"], "o-", color=color, label=label, markersize=4)
            lowest = min(lowest, by["test/accuracy"].min())
        axis.set(xscale="log", xlim=(6, 600), xlabel="tokens read of a text")
        axis.set_xticks(TICKS, [str(tick) for tick in TICKS])
        axis.minorticks_off()
        axis.set_title(f"N = {size:,}", loc="left", fontsize=10)
    for axis in axes:
        axis.set_ylim(min(lowest, 0.86) - 0.01, 0.92)
    if axes[0].lines:
        axes[0].set_ylabel("test accuracy")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=4)
    return figure


if __name__ == "__main__":
    sys.exit(main(STUDY, report, Path(__file__).parent))
