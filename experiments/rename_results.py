"""Gives results.csv and comparisons.csv of version 0.1 the names of this version, so that reports can add to them.

    python -m experiments.rename_results FOLDER [FOLDER …]

FOLDER is the folder of a study, or one that was given as --results. The column `cell` becomes `condition`. Conditions
named after options get the options' new names: `frozen-discriminative` becomes `frozen-chi2_ngrams`. In the columns
that describe a condition, "grams" become "n-grams". Measured values stay as they are. Files that have the new names are
left alone. The study's command with --report then makes its tables and figures anew.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tokenlayer import atomic
from tokenlayer.config import renamed
from tokenlayer.errors import InputError
from tokenlayer.study.recorded import COMPARISONS, RUNS, comparisons_csv, merged, read_comparisons, runs_csv


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    try:
        for folder in parser.parse_args(arguments).folders:
            print(f"{folder}: {'renamed' if rename(folder) else 'has the new names'}")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def rename(folder: Path) -> bool:
    """Rename the records in a folder; False if they have the new names.

    Raises:
        InputError: there are no records, they are damaged, or two conditions would get the same name.

    """
    path = folder / RUNS
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    with path.open(encoding="utf-8", newline="") as file:
        old = list(csv.DictReader(file))
    if not old or "cell" not in old[0]:
        return False
    for line, row in enumerate(old, 2):
        if None in row or None in row.values() or not row["seed"].isdecimal():
            raise InputError(f"{path}: row {line} is damaged")
    names = {row["cell"] for row in old}
    if len({condition(name) for name in names}) < len(names):
        raise InputError(f"{path}: two conditions would get the same name")
    compared = [
        replace(item, one=condition(item.one), other=condition(item.other)) for item in read_comparisons(folder)
    ]
    if compared:
        atomic.replace_text(folder / COMPARISONS, comparisons_csv(compared))
    # Last: until it has the new names, this can be done again.
    atomic.replace_text(path, runs_csv(merged([_renamed(row) for row in old], [])))
    return True


def condition(name: str) -> str:
    """The new name of a condition: each part between hyphens that is an old option gets its new name."""
    return "-".join(_option(part) for part in name.split("-"))


def _option(name: str) -> str:
    for group in ("initializer", "learning_rule"):
        new = renamed.new_option(group, name)
        if new is not None:
            return new.split()[0].removeprefix(f"{group}=")  # settings may follow the option
    return name


def _renamed(row: dict[str, str]) -> dict[str, str]:
    describes = list(row)[: list(row).index("seed")]
    labels = {key: re.sub(r"(?<![\w-])grams\b", "n-grams", row[key]) for key in describes if key != "cell"}
    others = {key: value for key, value in row.items() if key not in describes}
    return {"condition": condition(row["cell"]), **labels, **others}


if __name__ == "__main__":
    sys.exit(main())
