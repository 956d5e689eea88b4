"""A comparison as it is to be read, in whatever format: sentences, and tables whose cells are text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from tokenlayer.comparison.comparison import Comparison
from tokenlayer.comparison.labels import NOTHING, is_share, key_name, value_name
from tokenlayer.comparison.means import OF_TWO, Mean, means_text, percent
from tokenlayer.comparison.paired import p_value
from tokenlayer.comparison.table import RUNS, means

_CONDITIONS = 6
_CHARACTERS = 200


@dataclass(frozen=True)
class Section:
    """A table under a heading."""

    heading: str
    table: pd.DataFrame
    """Cells of text; columns that are not in `texts` hold numbers."""
    texts: tuple[str, ...]
    note: str = ""
    """A sentence on how to read it."""
    best: int | None = None
    """The row that stands out."""


@dataclass(frozen=True)
class Document:
    """The beginning of a comparison, for whoever reads no further."""

    title: str
    best: str
    """The best condition, and how it was chosen."""
    shared: str
    """The settings that all runs share, in short."""
    main: Section
    pairs: Section | None
    """None where nothing can be compared in pairs."""
    missing: tuple[str, ...]

    @property
    def sections(self) -> list[Section]:
        """The tables in order."""
        return [self.main, *([self.pairs] if self.pairs else [])]


def document(comparison: Comparison, title: str) -> Document:
    """The comparison in sentences and tables; reads the runs' predictions."""
    missing = tuple(comparison.missing)
    return Document(title, _best(comparison), _shared(comparison), _main(comparison), _pairs(comparison), missing)


def more_sections(comparison: Comparison) -> list[Section]:
    """Tables for whoever wants to know more: differences, overlaps of vocabularies; reads the runs' tokens."""
    made = [_differences(comparison), _overlaps(comparison)]
    return [section for section in made if len(section.table)]


def _best(comparison: Comparison) -> str:
    best = comparison.best
    if best is None:
        return "No best condition is named: it would be chosen on validation texts, and no run has a validation metric."
    shown = shown_mean(best.mean, best.metric)
    if len(comparison.names) == 1:
        return f"There is one condition, {best.condition}; its {best.metric} is {shown}."
    return (
        f"Best on validation texts ({best.metric}): {best.condition}, {shown}. Test metrics took no part in the choice."
    )


def _shared(comparison: Comparison) -> str:
    options = [f"{key}={value}" for key, value in comparison.shared.items() if "." not in str(key) and value]
    others = len(comparison.shared) - len(options)
    if not options:
        return f"All runs share {others} settings." if others else ""
    return f"All runs share {', '.join(options)}" + (f", and {others} more settings." if others else ".")


def _main(comparison: Comparison) -> Section:
    table = comparison.table
    keys = {key: key_name(key, comparison.by) for key in comparison.by}
    shown = pd.DataFrame({name: [value_name(value) for value in table[key]] for key, name in keys.items()})
    for metric in comparison.metrics:
        found = means(table, metric)
        counts = ["" if mean.n == runs else f" (n = {mean.n})" for mean, runs in zip(found, table[RUNS], strict=True)]
        heading = f"{metric} (%)" if is_share(metric) else metric
        shown[heading] = [shown_mean(mean, metric) + count for mean, count in zip(found, counts, strict=True)]
        shown[f"sd of {metric}"] = [_spread(sd, metric) for sd in table[f"{metric} std"]]
    shown[RUNS] = table[RUNS].astype(str)
    apart = f" that differ by {' and '.join(comparison.averaged)}" if comparison.averaged else ""
    note = f"Mean ± half of the 95 % interval (Student's t) over the runs{apart}; sd: their standard deviation."
    note += f" {OF_TWO}" if 2 in set(table[RUNS]) else ""
    place = None if comparison.best is None or len(table) == 1 else comparison.best.place
    return Section("Conditions", shown, tuple(keys.values()), note, place)


def _pairs(comparison: Comparison) -> Section | None:
    pairs = comparison.pairs
    if not len(pairs):
        return None
    found = [
        Mean(mean, (high - low) / 2, n)
        for mean, low, high, n in zip(pairs["difference"], pairs["low"], pairs["high"], pairs["seeds"], strict=True)
    ]
    shown = pd.DataFrame(
        {
            "against": pairs["other"],
            "difference (points)": [percent(mean, sign=True) for mean in found],
            "seeds": pairs["seeds"].astype(str),
            "median p (McNemar)": [p_value(p) for p in pairs["median p"]],
            "p after Holm": [p_value(p) for p in pairs["p after Holm"]],
        }
    )
    note = (
        "Difference of test accuracy, with its 95 % interval over the seeds that both have. McNemar's exact test on "
        "the test texts is made for each seed; Holm's correction is for the number of rows."
    )
    compared = {pairs["one"].iloc[0], *pairs["other"]}
    left_out = [name for name in comparison.names if name not in compared]
    if left_out:
        note += f" Without a seed in common on the same test texts: {some(left_out, len(comparison.names))}."
    return Section(f"{pairs['one'].iloc[0]} against the others, text by text", shown, ("against",), note)


def _differences(comparison: Comparison) -> Section:
    rows = [
        {
            "setting": row["setting"],
            "value": _cut(value_name(row["value"])),
            "runs": str(row["runs"]),
            "in": some(row["conditions"], len(comparison.names)),
        }
        for row in comparison.differences.to_dict("records")
    ]
    shown = pd.DataFrame(rows, columns=["setting", "value", "runs", "in"])
    return Section("Settings that differ", shown, ("setting", "value", "in"), "Seeds are left out.")


def _overlaps(comparison: Comparison) -> Section:
    rows = [
        {
            "condition": row["condition"],
            "runs": str(row["runs"]),
            "overlap": _number(row["mean"]),
            "lowest": _number(row["lowest"]),
            "highest": _number(row["highest"]),
            "tokens of all runs": str(row["in all"]),
        }
        for row in comparison.overlaps.to_dict("records")
    ]
    columns = ["condition", "runs", "overlap", "lowest", "highest", "tokens of all runs"]
    note = "Jaccard: tokens that both runs have by tokens that either has; mean, lowest and highest over pairs of runs."
    return Section("Overlap of the vocabularies", pd.DataFrame(rows, columns=columns), ("condition",), note)


def shown_mean(mean: Mean, metric: str) -> str:
    """A mean with its interval: a share in percent, anything else with digits as its interval allows."""
    return percent(mean) if is_share(metric) else means_text(mean)


def some(conditions: Sequence[str], of: int) -> str:
    """Conditions by their names, as far as they are few."""
    if len(conditions) == of > 1:
        return f"all {of} conditions"
    return ", ".join(conditions) if len(conditions) <= _CONDITIONS else f"{len(conditions)} of {of} conditions"


def shared_settings(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Key and value of each setting that all runs share."""
    for key, value in comparison.shared.items():
        yield str(key), _cut(value_name(value))


def _spread(sd: float, metric: str) -> str:
    if math.isnan(sd):
        return NOTHING
    return f"{100 * sd:.1f}" if is_share(metric) else f"{sd:.2g}"


def _number(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.2f}"


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"
