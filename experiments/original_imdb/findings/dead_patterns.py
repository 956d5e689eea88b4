"""5. A pattern that matches nothing moves on blindly; only chance brings it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from experiments.original_imdb.findings.common import PADDING_COLORS, Experiment, Finding, panels
from experiments.original_imdb.findings.decoded import matches_in
from experiments.original_imdb.findings.traces import Trace
from matplotlib.figure import Figure

TEXTS = 500
"""Number of training reviews, always the same, that patterns are tried on."""


@dataclass(frozen=True)
class Deaths:
    """The patterns of a training that match nothing."""

    trace: Trace
    in_batch: pd.DataFrame
    """Steps × patterns: no match in the step's own batch."""
    in_texts: pd.DataFrame
    """Steps × patterns: no match in the same `TEXTS` reviews."""

    @property
    def died(self) -> pd.Series:
        """Number of patterns, by step, that matched at the previous record and match no more."""
        return self.in_texts.astype(int).diff().eq(1).sum(axis=1)

    @property
    def revived(self) -> pd.Series:
        """Number of patterns, by step, that match and did not at the previous record."""
        return self.in_texts.astype(int).diff().eq(-1).sum(axis=1)

    def gradient_ratio(self) -> float:
        """Mean gradient of the patterns that match nothing in the batch, divided by that of the others."""
        gradient = self.trace.table("gradient").to_numpy()
        dead = self.in_batch.to_numpy()
        return float(gradient[dead].mean() / gradient[~dead].mean())


def reproduce(experiment: Experiment, traces: Sequence[Trace]) -> Finding:
    """Measure the share of dead patterns over the steps, and how many die and come back."""
    found = [deaths(experiment, trace) for trace in traces]
    numbers: dict[str, float] = {}
    for death in found:
        padding, last = death.trace.padding, death.in_texts.index[-1]
        numbers |= {
            f"share dead in the batch, mean over the records, padding {padding}": death.in_batch.to_numpy().mean(),
            f"share dead in {TEXTS} reviews at step 0, padding {padding}": death.in_texts.iloc[0].mean(),
            f"share dead in {TEXTS} reviews at step {last}, padding {padding}": death.in_texts.iloc[-1].mean(),
            f"patterns dead in {TEXTS} reviews at every record, padding {padding}": int(death.in_texts.all().sum()),
            f"deaths between records, padding {padding}": int(death.died.sum()),
            f"revivals between records, padding {padding}": int(death.revived.sum()),
            f"gradient of those dead in the batch over that of the others, padding {padding}": death.gradient_ratio(),
        }
        watch = death.trace.watch
        if watch is not None:
            numbers[f"patterns without a match in any step, padding {padding}"] = watch.never_matched
            numbers[f"largest change of their embedding, padding {padding}"] = (
                watch.largest_embedding_change_of_never_matched
            )
    return Finding(5, "dead_patterns", numbers, _figure(found))


def deaths(experiment: Experiment, trace: Trace) -> Deaths:
    """Try every pattern of every record on the same reviews."""
    patterns = trace.table("pattern")
    texts = experiment.dataset.splits["train"].codes[:TEXTS]
    counts = matches_in(trace.patterns["pattern"], texts, experiment.dataset.alphabet)
    return Deaths(trace, trace.table("matches") == 0, patterns.map(counts.__getitem__) == 0)


def _figure(found: Sequence[Deaths]) -> Figure:
    figure, (left, right) = panels("5. Dead patterns get no embedding gradient, and come back only by chance", 1.2, 1)
    for death in found:
        padding, color = death.trace.padding, PADDING_COLORS[death.trace.padding]
        left.plot(
            death.in_batch.index,
            100 * death.in_batch.mean(axis=1),
            color=color,
            linewidth=0.7,
            alpha=0.6,
            label=f"padding {padding}: in the batch",
        )
        left.plot(
            death.in_texts.index,
            100 * death.in_texts.mean(axis=1),
            color=color,
            linewidth=2,
            label=f"padding {padding}: in {TEXTS} reviews",
        )
        right.plot(death.died.index, death.died.cumsum(), color=color, label=f"padding {padding}: died")
        right.plot(
            death.revived.index, death.revived.cumsum(), "--", color=color, label=f"padding {padding}: came back"
        )
    left.set(xlabel="step", ylabel="% of all patterns", ylim=(0, 102))
    left.set_title("Patterns that match nothing", fontsize=10, loc="left")
    right.set(xlabel="step", ylabel="patterns, added up", ylim=(0, None))
    right.set_title(f"Deaths and returns in {TEXTS} reviews", fontsize=10, loc="left")
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=9)
    return figure
