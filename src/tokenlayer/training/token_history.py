"""When each token of a training was born, what it weighed while it lived, when and why it died.

A **life** is a pattern in a place: from the step at which it came to the step at which another took the place. Times
count optimizer steps done: the initializer's tokens are born at 0, those of an edit after step s at s + 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from tokenlayer.models.logit_gradients import class_weights, top_class

CHANGED = "changed"
"""The reason for the end of a pattern whose characters a gradient moves."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Record:
    """All N tokens at one time."""

    step: int
    """Optimizer steps done."""
    patterns: Sequence[str]
    """(N,) decoded."""
    vectors: Floats
    """(N, D)"""


def records(log: pd.DataFrame, last: Record, at_most: int) -> list[Record]:
    """The records of `logs/patterns_log`, at most so many, evenly spaced, and the last state."""
    steps = log["step"].unique()
    if len(steps) > at_most:
        steps = steps[np.linspace(0, len(steps) - 1, at_most).round().astype(int)]
    found = []
    for _, rows in log[log["step"].isin(steps)].groupby("step"):
        ordered = rows.sort_values("neuron")
        vectors = np.stack(ordered["embedding"].tolist()).astype(np.float32)
        found.append(Record(int(ordered["step"].iloc[0]), ordered["pattern"].tolist(), vectors))
    return [*(record for record in found if record.step < last.step), last]


def edited_lives(edits: pd.DataFrame, last: Record) -> pd.DataFrame:
    """The lives that a rule's edits began and ended: see `lives`.

    Args:
        edits: `logs/edits`, in the order of the edits.
        last: the state after training; it has the places that no edit touched.

    """
    initial = list(last.patterns)
    first = edits.drop_duplicates("neuron")
    for token_id, pattern in zip(first["neuron"], first["previous"], strict=True):
        initial[token_id] = pattern
    births = pd.concat(
        [
            pd.DataFrame({"neuron": range(len(initial)), "pattern": initial, "born": 0, "score": np.nan}),
            edits[["neuron", "pattern", "score"]].assign(born=edits["step"] + 1),
        ]
    ).sort_values(["neuron", "born"], kind="stable", ignore_index=True)
    deaths = edits.assign(died=edits["step"] + 1).sort_values(["neuron", "step"], kind="stable", ignore_index=True)
    # Of each place, the k-th life ends with the k-th edit; the last one goes on.
    births["nth"] = births.groupby("neuron").cumcount()
    deaths["nth"] = deaths.groupby("neuron").cumcount()
    columns = ["neuron", "nth", "died", "reason", "previous_embedding"]
    lives = births.merge(deaths[columns], on=["neuron", "nth"], how="left")
    return _tidy(lives.rename(columns={"previous_embedding": "last_vector"}), last)


def sampled_lives(sampled: Sequence[Record]) -> pd.DataFrame:
    """The lives as the records show them, for patterns whose characters change step by step: see `lives`.

    A change is dated by the first record that has it, and one that is undone between two records is not seen. Where
    nothing edits the vocabulary, every token lives from the first record on.
    """
    rows: list[dict[str, object]] = []
    living: dict[int, dict[str, object]] = {}
    for record in sampled:
        for token_id, pattern in enumerate(record.patterns):
            former = living.get(token_id)
            if former is not None and former["pattern"] == pattern:
                former["last_vector"] = record.vectors[token_id]
                continue
            if former is not None:
                former |= {"died": record.step, "reason": CHANGED}
            living[token_id] = {
                "neuron": token_id,
                "pattern": pattern,
                "born": record.step,
                "score": np.nan,
                "died": None,
                "reason": None,
                "last_vector": record.vectors[token_id],
            }
            rows.append(living[token_id])
    return _tidy(pd.DataFrame(rows), sampled[-1])


def _tidy(lives: pd.DataFrame, last: Record) -> pd.DataFrame:
    """One row a life, by place and birth; `died` empty for those that live, whose last vector is that of `last`."""
    lives = lives.sort_values(["neuron", "born"], kind="stable", ignore_index=True)
    alive = lives["died"].isna()
    vectors = [
        last.vectors[token_id] if lives_on else vector
        for token_id, lives_on, vector in zip(lives["neuron"], alive, lives["last_vector"], strict=True)
    ]
    return lives.assign(
        died=lives["died"].astype("Int64"),
        reason=lives["reason"].fillna("").astype(str),
        last_vector=pd.Series(vectors, dtype=object),
    )[["neuron", "pattern", "born", "score", "died", "reason", "last_vector"]]


def weighed(
    lives: pd.DataFrame, sampled: Sequence[Record], directions: Floats, class_names: Sequence[str]
) -> pd.DataFrame:
    """Adds what the tokens weigh to each life.

    `weight` is the last one: the token's vector along the directions of the classes as the head has them at the end;
    signed for two classes, else that of the class in `towards`. `steps` and `weights`: the same at each record of the
    life, in the direction of that class.

    Args:
        lives: of `edited_lives` or `sampled_lives`.
        sampled: the records, by step.
        directions: (n_outputs, D), see `models.logit_gradients`.
        class_names: of the data.

    """
    last = _weights(np.stack(lives["last_vector"].tolist()), directions)  # (lives, 1 or n_classes)
    weight, towards = (found.numpy() for found in top_class(torch.from_numpy(last)))
    output = np.zeros_like(towards) if last.shape[1] == 1 else towards
    steps = np.array([record.step for record in sampled])
    by_step = np.stack([_weights(record.vectors, directions) for record in sampled])  # (S, N, 1 or n_classes)
    begins = np.searchsorted(steps, lives["born"].to_numpy())
    ends = np.searchsorted(steps, lives["died"].fillna(steps[-1] + 1).to_numpy(dtype=np.int64))
    spans = list(zip(begins, ends, lives["neuron"], output, strict=True))
    return lives.drop(columns="last_vector").assign(
        weight=weight,
        towards=np.where(weight == 0, "", np.array(class_names)[towards]),
        steps=_arrays(steps[begin:end] for begin, end, _, _ in spans),
        weights=_arrays(by_step[begin:end, token_id, c] for begin, end, token_id, c in spans),
    )


def tested(lives: pd.DataFrame, patterns: Sequence[str]) -> npt.NDArray[np.bool_]:
    """True for the lives that the tested model holds: in each place the latest one with the model's pattern there."""
    held = lives["pattern"].to_numpy() == np.array(patterns, dtype=object)[lives["neuron"]]
    latest = lives[held].groupby("neuron")["born"].idxmax()
    found = np.zeros(len(lives), dtype=bool)
    found[latest.to_numpy()] = True
    return found


def top_first(lives: pd.DataFrame) -> pd.DataFrame:
    """Those that live, the heaviest first; then the dead, the latest first."""
    keys = pd.DataFrame({"died": lives["died"].fillna(np.iinfo(np.int64).max), "weight": lives["weight"].abs()})
    return lives.loc[keys.sort_values(["died", "weight"], ascending=False, kind="stable").index]


def _arrays(arrays: Iterable[npt.NDArray[Any]]) -> pd.Series[Any]:
    """A column of arrays."""
    return pd.Series(list(arrays), dtype=object)


def _weights(vectors: Floats, directions: Floats) -> Floats:
    weights: Floats = class_weights(torch.from_numpy(vectors), torch.from_numpy(directions)).numpy()
    return weights
