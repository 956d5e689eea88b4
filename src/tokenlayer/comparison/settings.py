"""The settings of runs: those that all share, those that differ, and the fewest by which they can be told apart."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tokenlayer.comparison.table import PARAM, RESUMED, is_seed, ordered_groups, setting

# Settings that do not change a result: where things lie, what watches, how many threads.
_IRRELEVANT = (
    "seed",
    "output_dir",
    "resume",
    "allow_targets",
    "tracking",
    "callbacks",
    "dataset.source",
    "dataset.cache_dir",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.threads",
)
# Recorded among the settings, and found by the run itself.
_FOUND = ("baseline.C",)
# Left open, they follow from the texts.
_OF_TEXTS = ("dataset.text_length", "dataset.alphabet.size", "dataset.batch_size", "dataset.fingerprint")
_GROUP = "group."


def is_relevant(key: str) -> bool:
    """True for a dotted key of the configuration that can change a run's result, the seed aside."""
    return not any(key == other or key.startswith(f"{other}.") for other in _IRRELEVANT)


def settings_of_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """The settings that can change a result: a column of text for each, empty where a run has none.

    Options of configuration groups come first, by the name of the group: `initializer`, `model/head`.

    Args:
        runs: as `find_runs` returns them.

    """
    columns = list(map(str, runs))
    recorded = [column.removeprefix(PARAM) for column in columns if column.startswith(PARAM)]
    recorded += [column.removeprefix(RESUMED) for column in columns if column.startswith(RESUMED)]
    groups = sorted(key.removeprefix(_GROUP) for key in recorded if key.startswith(_GROUP))
    others = sorted(key for key in recorded if not key.startswith(_GROUP))
    kept = [key for key in dict.fromkeys((*groups, *others)) if is_relevant(key) and key not in _FOUND]
    return pd.DataFrame({key: setting(runs, key) for key in kept}, index=runs.index)


def dataset_keys(runs: pd.DataFrame) -> list[str]:
    """What says which texts a run is tested on: its dataset's settings, but for those that are chosen by the texts."""
    recorded = [str(column).removeprefix(PARAM) for column in runs if str(column).startswith(f"{PARAM}dataset.")]
    return ["dataset", *(key for key in recorded if key not in _OF_TEXTS)]


def shared(settings: pd.DataFrame) -> pd.Series[str]:
    """The value of each setting that is the same in all runs."""
    same = [key for key in settings if settings[key].nunique() == 1]
    return settings[same].iloc[0] if len(settings) else pd.Series(dtype=object)


def differing(settings: pd.DataFrame) -> list[str]:
    """The keys of the settings that are not the same in all runs, those of seeds left out."""
    return [str(key) for key in settings if settings[key].nunique() > 1 and not is_seed(str(key))]


def telling(settings: pd.DataFrame) -> list[str]:
    """Few keys that tell the runs apart as well as all settings do, seeds aside, those first that tell most."""
    candidates = differing(settings)
    told: list[str] = []
    wanted = _groups(settings, candidates)
    while _groups(settings, told) < wanted:
        told.append(max(candidates, key=lambda key: _groups(settings, [*told, key])))
    return told


def differences(settings: pd.DataFrame, labels: pd.Series[str]) -> pd.DataFrame:
    """A row for each value of each setting that differs among the runs.

    Args:
        settings: as `settings_of_runs` returns them.
        labels: the condition of each run, in the order in which conditions are to be named.

    Returns:
        Columns `setting`, `value`, `runs` (how many have it) and `conditions` (a list).

    """
    rows = []
    for key in differing(settings):
        for (value,), having in ordered_groups(settings[[key]]):
            conditions = list(dict.fromkeys(labels[labels.index.isin(having)]))
            rows.append({"setting": key, "value": value, "runs": len(having), "conditions": conditions})
    return pd.DataFrame(rows, columns=["setting", "value", "runs", "conditions"])


def _groups(settings: pd.DataFrame, keys: Sequence[str]) -> int:
    return len(settings[list(keys)].drop_duplicates()) if keys else min(1, len(settings))
