"""2. Padded n-grams match nothing, because the padding turns into random characters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from experiments.original_imdb.findings.common import PADDING_COLORS, Experiment, Finding, panels
from matplotlib.figure import Figure

from tokenlayer.data.module import DataModule
from tokenlayer.layer.matching import match
from tokenlayer.original.max_cover import MaxCoverConfig, Padding
from tokenlayer.original.patterns import discretise
from tokenlayer.text.alphabet import BLANK
from tokenlayer.training.build import checked_matcher, initializer_context

SEEDS = range(10)


@dataclass(frozen=True)
class FreshMatches:
    """Matches of the initial patterns of a training in its first batch."""

    lengths: npt.NDArray[np.int64]
    """(N,) characters of each pattern's n-gram."""
    counts: dict[Padding, npt.NDArray[np.int64]]
    """(N,) matches of each pattern."""


def reproduce(experiment: Experiment) -> Finding:
    """Count the matches of the same n-grams with both paddings, over several seeds."""
    found = [fresh_matches(experiment, seed) for seed in SEEDS]
    longest = max(int(f.lengths.max()) for f in found)
    numbers: dict[str, float] = {"patterns": len(found[0].lengths), "seeds": len(found)}
    for padding in PADDING_COLORS:
        totals = [int(f.counts[padding].sum()) for f in found]
        of_longest = sum(int(f.counts[padding][f.lengths == longest].sum()) for f in found)
        numbers[f"matches in a batch, padding {padding}, fewest"] = min(totals)
        numbers[f"matches in a batch, padding {padding}, mean"] = float(np.mean(totals))
        numbers[f"matches in a batch, padding {padding}, most"] = max(totals)
        numbers[f"share of the matches by n-grams of {longest}, padding {padding}"] = of_longest / max(sum(totals), 1)
    return Finding(2, "padding_noise", numbers, _figure(found))


def fresh_matches(experiment: Experiment, seed: int) -> FreshMatches:
    """Matches in the first batch of a training with `seed`."""
    dataset = experiment.dataset
    data = DataModule(dataset, experiment.config.dataset.batch_size, seed, reshuffle=True)
    batch = next(iter(data.train_dataloader()))
    counts = {}
    for padding in PADDING_COLORS:
        config = replace(experiment.with_padding(padding), seed=seed)
        assert isinstance(config.initializer, MaxCoverConfig)
        context = initializer_context(config, dataset, checked_matcher(config, dataset.alphabet))
        vocabulary = discretise(config.initializer.patterns(context))
        counts[padding] = match(batch.codes, vocabulary, dataset.alphabet.size).counts().numpy()
        if padding == "blank":  # the n-grams come from the same draws, whatever the padding
            lengths = (vocabulary.codes != BLANK).sum(1).numpy()
    return FreshMatches(lengths, counts)


def _figure(found: list[FreshMatches]) -> Figure:
    N = len(found[0].lengths)
    title = f"2. Padded with noise, {N} fresh patterns hardly match: only the longest n-grams can"
    figure, (left, right) = panels(title, 3, 1)
    lengths = sorted({int(length) for f in found for length in f.lengths})
    for shift, (padding, color) in zip((-0.2, 0.2), PADDING_COLORS.items(), strict=True):
        by_length = np.array([[f.counts[padding][f.lengths == length].sum() for length in lengths] for f in found])
        left.bar(np.add(lengths, shift), by_length.mean(0), 0.38, color=color, label=f"padding: {padding}")
        for length, counts in zip(lengths, by_length.T, strict=True):
            left.plot(np.full(len(counts), length + shift), counts, "o", color="black", markersize=2.5, alpha=0.6)
        totals = by_length.sum(1)
        place = list(PADDING_COLORS).index(padding)
        right.bar(place, totals.mean(), 0.6, color=color)
        right.plot(np.full(len(totals), place), totals, "o", color="black", markersize=2.5, alpha=0.6)
        right.annotate(
            f"{totals.min()} to {totals.max()}", (place, totals.max()), (0, 6), textcoords="offset points", ha="center"
        )
    for axes in (left, right):
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(0, 5000)
    left.set_xticks(lengths)
    left.set(xlabel="characters of the n-gram that a pattern starts as", ylabel="matches in a batch of 32 reviews")
    left.set_title("By length: mean (bar), each of 10 seeds (dots)", fontsize=10, loc="left")
    left.legend(frameon=False, fontsize=9, loc="upper right")
    right.set_xticks(range(len(PADDING_COLORS)), list(PADDING_COLORS))
    right.set_title("All patterns", fontsize=10, loc="left")
    right.set_xlabel("padding")
    return figure
