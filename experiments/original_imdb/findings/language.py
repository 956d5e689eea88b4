"""4. Free moves, character by character, lead patterns out of the language."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import pandas as pd
from experiments.original_imdb.findings.common import GREEN, ORANGE, PADDING_COLORS, PURPLE, Experiment, Finding, panels
from experiments.original_imdb.findings.decoded import occurring, stretch
from experiments.original_imdb.findings.traces import Trace
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokenlayer.original.max_cover import Padding

_RANDOM_STRINGS = 1000


def reproduce(experiment: Experiment, traces: Sequence[Trace]) -> Finding:
    """Measure how many patterns occur anywhere in the reviews, over the steps of the training."""
    stretches = {trace.padding: trace.table("pattern").map(stretch) for trace in traces}
    lengths = sorted({len(text) for table in stretches.values() for text in table.iloc[0]} - {0})
    random = random_strings(experiment, lengths)
    corpus = experiment.dataset.corpus("all")
    different = {text for table in stretches.values() for text in np.unique(table.to_numpy())}
    different.update(text for texts in random.values() for text in texts)
    legal = occurring(different, corpus, experiment.dataset.alphabet)
    numbers: dict[str, float] = {"characters of the reviews": len(corpus)}
    for padding, table in stretches.items():
        occurs = table.isin(list(legal))
        changed = (table != table.iloc[0]).iloc[-1]
        last = f"at step {table.index[-1]}, padding {padding}"
        numbers[f"patterns that occur in the reviews at step 0, padding {padding}"] = int(occurs.iloc[0].sum())
        numbers[f"patterns that occur in the reviews {last}"] = int(occurs.iloc[-1].sum())
        numbers[f"patterns that have changed {last}"] = int(changed.sum())
        numbers[f"changed patterns that occur in the reviews {last}"] = int(occurs.iloc[-1][changed].sum())
    forms = occur_by_changes(stretches["blank"], legal)
    for changes in (1, 2, 3):
        share = 100 * forms["occurs"][forms["changed"] == changes].mean()
        numbers[f"% of forms with {changes} changed characters that occur, padding blank"] = share
    chance = {length: 100 * len(legal.intersection(texts)) / len(texts) for length, texts in random.items()}
    numbers |= {f"% of random strings of {length} that occur in the reviews": share for length, share in chance.items()}
    return Finding(4, "language", numbers, _figure(stretches, legal))


def random_strings(experiment: Experiment, lengths: Sequence[int]) -> dict[int, list[str]]:
    """Length → strings of characters drawn uniformly from the alphabet."""
    signs, random = experiment.dataset.alphabet.signs, np.random.default_rng(experiment.config.seed)
    return {length: ["".join(random.choice(signs, length)) for _ in range(_RANDOM_STRINGS)] for length in lengths}


def _figure(stretches: dict[Padding, pd.DataFrame], legal: set[str]) -> Figure:
    figure, (left, right) = panels("4. Free moves of single characters lead patterns out of the language", 1.2, 1)
    known = list(legal)
    for padding, table in stretches.items():
        color = PADDING_COLORS[padding]
        occurs, changed = table.isin(known), table != table.iloc[0]
        left.plot(table.index, 100 * occurs.mean(axis=1), color=color, label=f"padding {padding}: occur in the reviews")
        left.plot(
            table.index, 100 * changed.mean(axis=1), ":", color=color, label=f"padding {padding}: changed since step 0"
        )
    left.set(xlabel="step", ylabel="% of all patterns", ylim=(-2, 102))
    left.set_title("Patterns as decoded, blanks stripped", fontsize=10, loc="left")
    left.legend(frameon=False, fontsize=9, loc="center right")
    _draw_by_changes(right, occur_by_changes(stretches["blank"], legal))
    return figure


def occur_by_changes(table: pd.DataFrame, legal: set[str]) -> pd.DataFrame:
    """Every form that a pattern takes: `length`, number of characters `changed` since step 0, and if it `occurs`."""
    first = table.iloc[0]
    forms = table.melt(var_name="pattern", value_name="form").drop_duplicates()
    started = forms["pattern"].map(first)
    return pd.DataFrame(
        {
            "length": started.str.len(),
            "changed": [_differences(*pair) for pair in zip(forms["form"], started, strict=True)],
            "occurs": forms["form"].isin(list(legal)),
        }
    )


def _differences(form: str, first: str) -> int:
    return sum(a != b for a, b in zip_longest(form, first))  # a column that became blank shortens the form


def _draw_by_changes(axes: Axes, forms: pd.DataFrame) -> None:
    lengths = np.array_split(np.unique(forms["length"]), 3)
    for group, color in zip(lengths, (GREEN, ORANGE, PURPLE), strict=True):
        share = forms[forms["length"].isin(group)].groupby("changed")["occurs"].mean()
        if len(share):
            axes.plot(share.index, 100 * share, "o-", color=color, label=f"{group[0]} to {group[-1]} characters")
    axes.set(xlabel="characters changed since step 0", ylabel="% that occur in the reviews", ylim=(-2, 102))
    axes.set_title("Padding blank: all forms that patterns take", fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=9)
