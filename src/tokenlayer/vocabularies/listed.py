"""Tokens that are given: listed in a file, or logged by an earlier run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import BLANK, Alphabet
from tokenlayer.vocabularies.base import InitializerConfig, InitializerContext
from tokenlayer.vocabularies.ngrams import vocabulary_of

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Ngram, Vocabulary

COLUMN = "pattern"
"""The column of patterns in the tables that a run leaves."""

SHOWN_SPACE = "␣"
"""The sign for a space in the tables that MLflow shows."""


@dataclass(frozen=True)
class Listed:
    """A pattern of a file."""

    pattern: str
    """`█` stands for a blank, which accepts anything; blanks at the end are left out."""
    place: str
    """File and line, for messages."""


def encoded(listed: Listed, alphabet: Alphabet) -> Ngram:
    """The codes of a listed pattern; `�` stands for the alphabet's `<UNK>`.

    Raises:
        InputError: it holds a character that is not in the alphabet.

    """
    from tokenlayer.layer.vocabulary import BLANK_SIGN

    code_of = {sign: code for code, sign in enumerate(alphabet.signs)} | {BLANK_SIGN: BLANK}
    unknown = sorted(set(listed.pattern) - code_of.keys())
    if unknown:
        raise InputError(
            f"{listed.place}: {listed.pattern!r} holds {', '.join(map(repr, unknown))}, which the alphabet"
            f" {alphabet.chars!r} does not: correct the pattern, or give dataset.alphabet.characters"
        )
    return np.array([code_of[sign] for sign in listed.pattern], dtype=np.int64)


def read_patterns(path: Path) -> list[Listed]:
    """The patterns of a file, in its order; what it is shows in the ending of its name.

    `.parquet`: the column `pattern`; where there is a column `step`, the rows of the last (a part of a run's
    `patterns_log`). `.json`: a list of strings, or a table with a column `pattern` (a run's `patterns/step_<n>.json`,
    where `␣` is a space). All else: one pattern per line, in UTF-8; spaces count.

    Raises:
        InputError: the file is missing, cannot be read, holds something else, or a pattern is empty.

    """
    read = {".parquet": _from_parquet, ".json": _from_json}.get(path.suffix.lower(), _from_lines)
    try:
        patterns = read(path)
    except OSError as error:
        raise InputError(f"initializer.file={path}: {error.strerror or error}: name a file of patterns") from error
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"initializer.file={path} cannot be read ({error}): give a text file with a pattern per line, a JSON list"
            f" of strings, or a table (Parquet, or JSON of a run) with a column {COLUMN!r}"
        ) from error
    return [_listed(pattern, f"{path}, {place}") for place, pattern in patterns]


def _from_lines(path: Path) -> list[tuple[str, object]]:
    text = path.read_text(encoding="utf-8-sig")
    # Not splitlines(), which takes some characters of other scripts for the end of a line.
    return [(f"line {i}", line) for i, line in enumerate(text.removesuffix("\n").split("\n"), 1)] if text else []


def _from_json(path: Path) -> list[tuple[str, object]]:
    content: Any = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, list):
        return [(f"item {i}", pattern) for i, pattern in enumerate(content, 1)]
    column = content["columns"].index(COLUMN)
    shown = [(f"row {i}", row[column]) for i, row in enumerate(content["data"], 1)]
    return [(place, str(pattern).replace(SHOWN_SPACE, " ")) for place, pattern in shown]


def _from_parquet(path: Path) -> list[tuple[str, object]]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    rows = list(enumerate(table.column(COLUMN).to_pylist(), 1))
    if "step" in table.column_names:
        steps = table.column("step").to_pylist()
        last = max(steps, default=None)
        rows = [row for row, step in zip(rows, steps, strict=True) if step == last]
    return [(f"row {i}", pattern) for i, pattern in rows]


def _listed(pattern: object, place: str) -> Listed:
    from tokenlayer.layer.vocabulary import BLANK_SIGN

    if not isinstance(pattern, str) or not pattern:
        raise InputError(f"{place}: {pattern!r} is no pattern: write at least one character, or take it out")
    return Listed(pattern.rstrip(BLANK_SIGN), place)


@dataclass
class ListedConfig(InitializerConfig):
    """Tokens from a file, or from an earlier run; blanks behind them."""

    file: str
    """Path of the file: one pattern per line; a JSON list; a part of a run's `logs/patterns_log` (Parquet) or its
    `patterns/step_<n>.json`. The first N are taken."""

    def default_token_length(self) -> int:
        return max([1, *(len(listed.pattern) for listed in read_patterns(Path(self.file)))])

    def build(self, context: InitializerContext) -> Vocabulary:
        """The first N patterns of the file.

        Raises:
            InputError: the file cannot be read, lists fewer, or a pattern does not fit alphabet or K.

        """
        listed = read_patterns(Path(self.file))
        for pattern in listed[: context.vocab_size]:
            if len(pattern.pattern) > context.max_token_length:
                raise InputError(
                    f"{pattern.place}: {pattern.pattern!r} has {len(pattern.pattern)} characters, and tokens of"
                    f" {context.max_token_length} cannot hold it: raise model.max_token_length, or take it out of the"
                    " file"
                )
        ngrams = [encoded(pattern, context.alphabet) for pattern in listed]
        remedy = "lower model.vocab_size, or list more in initializer.file"
        return vocabulary_of(ngrams[: context.vocab_size], context, remedy)
