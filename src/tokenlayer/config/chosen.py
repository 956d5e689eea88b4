"""Settings that a configuration leaves open (null) are chosen here, from the training texts, before a run begins."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenlayer.config.typed import load
from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.profile import LONGEST_TEXT, ROOM, TextProfile, profile
from tokenlayer.selection.penalty import ridge_penalty
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.trainer import TrainerConfig

CHOSEN = (
    "dataset.text_length",
    "dataset.alphabet.size",
    "dataset.batch_size",
    "initializer.ngram_lengths",
    "learning_rule.ngram_lengths",
    "learning_rule.edit_interval",
    "model.embedding_l2",
    "trainer.max_epochs",
    "lr_scheduler.T_max",
)
"""Settings that may be left open, as dotted keys."""

LONGEST_NGRAM = 13
"""That of the original, and long enough for any word that many texts share."""
_LEAST_STEPS = 2000
_EPOCHS = range(4, 21)
_ROUNDS = 8  # of a learning rule, if it went on to the end

# The information of an n-gram, in bits: in English, of 4.1 bits a character, 13 characters have 54; in Chinese, of
# nearly 10, they are 5. The shortest that may be learned stands in one text of fifty by chance. The first tokens are
# longer: they are drawn by frequency, which prefers the short ones that stand everywhere.
_LONGEST = 55.0
_RARE = 5.5
_SHORTEST_OF_FIRST = 21.0


@dataclass(frozen=True)
class Choice:
    """A value that was chosen."""

    key: str
    value: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.key}={_spelled(self.value)} ({self.reason})"


@dataclass(frozen=True)
class Chosen:
    """A configuration without anything open."""

    config: TrainConfig
    resolved: dict[str, Any]
    """The configuration in plain containers."""
    choices: tuple[Choice, ...]


def choose(config: TrainConfig, resolved: Mapping[str, Any]) -> Chosen:
    """The configuration with a value in every place of `CHOSEN` that it has and that is null.

    Args:
        config: as composed.
        resolved: the same in plain containers.

    Raises:
        InputError: the texts cannot be read, or what is set does not fit what had to be chosen.

    """
    plain = copy.deepcopy(dict(resolved))
    if not any(_is_open(plain, key) for key in CHOSEN):
        return Chosen(config, plain, ())
    chooser = _Chooser(plain, profile(config.dataset))
    chooser.of_texts()
    chooser.of_ngrams(config.model.max_token_length or LONGEST_NGRAM)
    chooser.of_steps(config.trainer)
    return Chosen(load(plain, TrainConfig, allow_targets=config.allow_targets), plain, tuple(chooser.choices))


def choose_texts(config: DatasetConfig, resolved: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Choice, ...]]:
    """A configuration, in plain containers, of which nothing but the texts may be left open; and what was chosen.

    Args:
        config: its dataset.
        resolved: all of it.

    Raises:
        InputError: the texts cannot be read.

    """
    plain = copy.deepcopy(dict(resolved))
    if not any(_is_open(plain, key) for key in CHOSEN if key.startswith("dataset.")):
        return plain, ()
    chooser = _Chooser(plain, profile(config))
    chooser.of_texts()
    return plain, tuple(chooser.choices)


class _Chooser:
    """Fills what is open, one after the other, for the next to build on it."""

    def __init__(self, plain: dict[str, Any], found: TextProfile) -> None:
        self._plain = plain
        self._found = found
        self.choices: list[Choice] = []

    def of_texts(self) -> None:
        found = self._found
        longest = found.lengths[99]
        is_whole = longest + ROOM <= LONGEST_TEXT
        half = f"the beginning of longer texts: half of them have more than {found.lengths[50]} characters"
        reason = f"99 % of the training texts have at most {longest} characters" if is_whole else half
        self._put("dataset.text_length", found.text_length(), reason)
        size, known = found.alphabet_size(), len(found.counts)
        covered = f"of {known} characters those that make up 99.9 % of the training texts, or are in some 1 % of them"
        self._put("dataset.alphabet.size", size, "all characters that occur" if size >= known else covered)
        self._put("dataset.batch_size", found.batch_size(), f"{found.n_texts} training texts")

    def of_ngrams(self, max_token_length: int) -> None:
        longest = min(max_token_length, self._plain["dataset"]["text_length"])
        found = self._found
        rare = _RARE + math.log2(max(1, found.lengths[50]))
        reason = f"{found.bits():.1f} bits a character, {found.lengths[50]} characters a text"
        self._put("initializer.ngram_lengths", ngram_lengths(found, _SHORTEST_OF_FIRST, 5, longest), reason)
        self._put("learning_rule.ngram_lengths", ngram_lengths(found, rare, 3, longest), reason)

    def of_steps(self, trainer: TrainerConfig) -> None:
        n = self._found.n_texts
        N = self._plain["model"]["vocab_size"]
        self._put("model.embedding_l2", ridge_penalty(N, n), f"{N} tokens, {n} training texts")
        batches = trainer.train_batches(max(1, n // self._plain["dataset"]["batch_size"]))
        self._put("trainer.max_epochs", epochs(batches, trainer.max_steps), f"{batches} steps an epoch")
        n_epochs = self._plain["trainer"]["max_epochs"]
        self._put("lr_scheduler.T_max", batches * n_epochs)
        self._put("learning_rule.edit_interval", max(0.5, n_epochs / _ROUNDS), f"{n_epochs} epochs")

    def _put(self, key: str, value: Any, reason: str = "") -> None:
        """Fill in a value if the key is open; without a reason it follows from another choice and is not reported."""
        if _is_open(self._plain, key):
            *parents, name = key.split(".")
            node = self._plain
            for part in parents:
                node = node[part]
            node[name] = value
            if reason:
                self.choices.append(Choice(key, value, reason))


def ngram_lengths(found: TextProfile, least_bits: float, shortest: int, longest: int) -> list[int]:
    """Return lengths of n-grams that are informative, and that typical texts hold.

    Args:
        found: the training texts.
        least_bits: information of the shortest, as if all its characters were independent.
        shortest: the least length, at most.
        longest: the largest length, at most.

    """
    bits = max(found.bits(), 1.0)
    last = max(1, min(longest, LONGEST_NGRAM, int(_LONGEST / bits), found.lengths[90]))
    first = min(last, shortest, max(1, int(least_bits / bits)))
    return list(range(first, last + 1))


def epochs(batches: int, max_steps: int) -> int:
    """Return how many epochs of `batches` steps make some 2,000 steps, or `max_steps` unless it is -1."""
    if max_steps != -1:
        return math.ceil(max_steps / batches)
    return max(_EPOCHS.start, min(_EPOCHS.stop - 1, math.ceil(_LEAST_STEPS / batches)))


def _is_open(plain: Mapping[str, Any], key: str) -> bool:
    section, _, name = key.rpartition(".")
    node: Any = plain
    for part in section.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return isinstance(node, Mapping) and name in node and node[name] is None


def _spelled(value: Any) -> str:
    if isinstance(value, list) and len(value) > 2:
        return f"{value[0]}…{value[-1]}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
