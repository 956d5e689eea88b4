"""Names of conditions, settings and metrics as they are shown."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "–"
"""Stands for a value that there is not."""
_SHARES = ("accuracy", "balanced_accuracy", "f1", "auroc")


def validation_metric(metric: str) -> str:
    """The metric of validation texts by which a condition is chosen that is to be judged by `metric`."""
    split, _, name = metric.rpartition("/")
    return f"validation/{name}" if split in ("test", "validation") else "validation/accuracy"


def is_better_lower(metric: str) -> bool:
    """True for losses."""
    return "loss" in metric.rpartition("/")[2]


def label(keys: Sequence[str], values: Sequence[str], *, always_named: bool = False) -> str:
    """A condition in words: `N=100, rule=graft`, by the last parts of the keys; `graft` where that is the only key."""
    if not keys:
        return "all runs"
    if len(keys) == 1 and not always_named and not values[0][:1].isdigit():
        return value_name(values[0])
    return ", ".join(f"{key_name(key, keys)}={value_name(value)}" for key, value in zip(keys, values, strict=True))


def key_name(key: str, keys: Sequence[str]) -> str:
    """The last part of a key, where no other key has the same."""
    last = key.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in keys) == 1 else key


def value_name(value: str) -> str:
    """A value as it is shown: of a class of this package its name."""
    return NOTHING if value == "" else value.rpartition(".")[2] if value.startswith("tokenlayer.") else value


def is_share(metric: str) -> bool:
    """True for a metric between 0 and 1 that is shown in percent."""
    name = metric.rpartition("/")[2]
    return name in _SHARES or name.endswith("_rate")
