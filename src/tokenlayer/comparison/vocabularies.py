"""The tokens of runs: those that matter most in each condition, and how much the vocabularies of its seeds overlap."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pandas as pd

EFFECTS = "tokens/effects.json"
"""Artifact path of the table of a run's tokens and their effects on the logit of test texts."""


def read_effects(path: Path) -> pd.DataFrame:
    """The tokens of a run: `pattern`, `effect`, `towards`.

    Raises:
        ValueError: the file is damaged, or holds something else.

    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        frame = pd.DataFrame(table["data"], columns=table["columns"], dtype=object)[["pattern", "effect", "towards"]]
        texts = {name: frame[name].map(str).astype(object) for name in ("pattern", "towards")}
        # Older versions have written all K characters.
        texts["pattern"] = texts["pattern"].str.rstrip("█").astype(object)
        return frame.assign(**texts).astype({"effect": float})
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error


def top_tokens(tokens: Mapping[str, pd.DataFrame], labels: pd.Series[str], at_most: int) -> pd.DataFrame:
    """The tokens of largest effect in each condition.

    Args:
        tokens: run id → its tokens, as `read_effects` returns them.
        labels: the condition of each run, by its id.
        at_most: tokens for each condition.

    Returns:
        Columns `condition`, `token`, `effect` (mean over the runs that have the token), `towards`, `runs` (how many
        have it) and `of` (how many runs there are), ordered by condition as in `labels`, then by the sum of the
        effect's absolute values over the runs: a token that a run does not have counts as one without an effect.

    """
    pieces = []
    for condition, of_condition in _by_condition(tokens, labels).items():
        every = pd.concat(of_condition.values(), ignore_index=True)
        total = every["effect"].abs().groupby(every["pattern"], sort=False).sum()
        top = total.sort_values(ascending=False, kind="stable").index[:at_most]
        # Only now: what a token speaks for takes long to count for all.
        grouped = every[every["pattern"].isin(top)].groupby("pattern", sort=False)
        frame = pd.DataFrame({"effect": grouped["effect"].mean(), "runs": grouped["effect"].size()}).loc[top]
        frame["towards"] = grouped["towards"].agg(_most_frequent)
        frame = frame.rename_axis("token").reset_index().assign(of=len(of_condition))
        frame.insert(0, "condition", condition)
        pieces.append(frame)
    columns = ["condition", "token", "effect", "towards", "runs", "of"]
    return pd.concat(pieces, ignore_index=True)[columns] if pieces else pd.DataFrame(columns=columns)


def overlaps(tokens: Mapping[str, pd.DataFrame], labels: pd.Series[str]) -> pd.DataFrame:
    """The overlap of the vocabularies of each condition's runs, by Jaccard: tokens in both by tokens in either.

    Returns:
        Columns `condition`, `runs`, `pairs`, `mean`, `lowest`, `highest` (NaN where there is one run) and `in all` (the
        number of tokens that every run has).

    """
    rows = []
    for condition, of_condition in _by_condition(tokens, labels).items():
        sets = [set(frame["pattern"]) for frame in of_condition.values()]
        shares = [len(one & other) / max(1, len(one | other)) for one, other in combinations(sets, 2)]
        shares = shares or [math.nan]
        statistics = {"mean": sum(shares) / len(shares), "lowest": min(shares), "highest": max(shares)}
        about = {"condition": condition, "runs": len(sets), "pairs": math.comb(len(sets), 2)}
        rows.append({**about, **statistics, "in all": len(set.intersection(*sets))})
    return pd.DataFrame(rows, columns=["condition", "runs", "pairs", "mean", "lowest", "highest", "in all"])


def _by_condition(tokens: Mapping[str, pd.DataFrame], labels: pd.Series[str]) -> dict[str, dict[str, pd.DataFrame]]:
    made: dict[str, dict[str, pd.DataFrame]] = {}
    for run_id, label in zip(labels.index, labels, strict=True):
        if run_id in tokens:
            made.setdefault(label, {})[run_id] = tokens[run_id]
    return made


def _most_frequent(values: pd.Series[str]) -> str:
    return str(values.value_counts().index[0])
