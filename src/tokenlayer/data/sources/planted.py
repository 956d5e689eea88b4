"""Generated texts whose class depends on known character patterns, among distractors."""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import ClassVar

import numpy as np

from tokenlayer.data.config import AlphabetConfig, DatasetConfig
from tokenlayer.data.types import GroundTruth, RawDataset
from tokenlayer.errors import InputError

_VOWELS = "aeiou"
_CONSONANTS = "bdfgklmnprstvz"
_LEXICON_SIZE = 300
_SYLLABLES = (1, 2, 2, 3)
_TRIES = 1000
# Part of the source's hash: to be raised when the same settings come to give other texts.
_GENERATOR = 1


@dataclass(kw_only=True)
class PlantedConfig(DatasetConfig):
    """Words of an invented language; in some stands a pattern, of the text's class or a distractor.

    A pattern occurs in a text only where it was planted, and distractors are planted in all classes alike:
    what a classifier has to find are the patterns of the classes, and frequency does not show them.
    """

    text_length: int | None = 200
    """L: longer texts are cut, shorter ones padded with "no character"; null: chosen from the training texts."""
    batch_size: int | None = 32
    """B: texts per step; null: chosen by the number of training texts."""
    alphabet: AlphabetConfig = field(default_factory=lambda: AlphabetConfig(size=30))
    """The characters that get a code."""
    n_texts: int = 6000
    """Number of texts, before the split."""
    n_classes: int = 2
    """Number of classes, equally frequent."""
    n_words: int = 25
    """Words in a text; a word has about five characters with its space."""
    n_patterns: int = 6
    """Patterns of each class."""
    n_distractors: int = 12
    """Patterns that are planted in every class alike."""
    pattern_lengths: list[int] = field(default_factory=lambda: [4, 5, 6, 7])
    """Lengths of the patterns and distractors, drawn from uniformly."""
    patterns_per_text: int = 3
    """Number of patterns of its class in a text, at random places."""
    distractors_per_text: int = 3
    """Number of distractors in a text, at random places."""
    noise: float = 0.02
    """Share of the texts whose label is replaced by another class."""
    generation_seed: int = 0
    """Decides the language, the patterns and the texts."""

    # The texts do not depend on these; what else they depend on is in the hash of the source.
    _common: ClassVar[frozenset[str]] = frozenset(DatasetConfig.__dataclass_fields__)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant."""
        yield from super().problems()
        at_least = {"n_texts": 10, "n_classes": 2, "n_words": 1, "n_patterns": 1, "patterns_per_text": 1}
        for name, least in at_least.items():
            if getattr(self, name) < least:
                yield name, f"{getattr(self, name)} is below {least}"
        for name in ("n_distractors", "distractors_per_text", "generation_seed"):
            if getattr(self, name) < 0:
                yield name, f"{getattr(self, name)} is negative"
        if self.distractors_per_text and not self.n_distractors:
            yield "distractors_per_text", f"{self.distractors_per_text} of n_distractors=0 cannot be planted"
        if self.patterns_per_text + self.distractors_per_text > self.n_words:
            yield "n_words", f"{self.n_words} words cannot take a pattern each: raise it"
        if not self.pattern_lengths or min(self.pattern_lengths) < 3:
            yield "pattern_lengths", f"{self.pattern_lengths} must be lengths of 3 or more"
        if not 0 <= self.noise < 1:
            yield "noise", f"{self.noise} is not a share between 0 and 1"

    def source_key(self) -> str:
        """Hash of the settings that the texts depend on."""
        settings = {name: value for name, value in asdict(self).items() if name not in self._common}
        return hashlib.sha256(json.dumps([_GENERATOR, settings], sort_keys=True).encode()).hexdigest()

    def load(self) -> RawDataset:
        """Generate the texts.

        Raises:
            InputError: there are not that many patterns of these lengths.

        """
        language = _Language(self)
        rng = random.Random(f"texts {self.generation_seed}")
        classes = [i % self.n_classes for i in range(self.n_texts)]
        texts = [language.text(c, rng) for c in classes]
        labels = [self._noisy(c, rng) for c in classes]
        names = tuple(f"class_{c}" for c in range(self.n_classes))
        truth = GroundTruth(
            patterns=dict(zip(names, map(tuple, language.patterns), strict=True)),
            distractors=tuple(language.distractors),
        )
        return RawDataset(texts, np.array(labels), names, "generated texts", ground_truth=truth)

    def _noisy(self, label: int, rng: random.Random) -> int:
        if rng.random() >= self.noise:
            return label
        return (label + rng.randrange(1, self.n_classes)) % self.n_classes


class _Language:
    """A lexicon, frequent words first, and patterns that occur in none of its words nor in each other."""

    def __init__(self, config: PlantedConfig) -> None:
        self._config = config
        rng = random.Random(f"language {config.generation_seed}")
        words = dict.fromkeys(_word(rng) for _ in range(_TRIES))
        self._lexicon = list(words)[:_LEXICON_SIZE]
        # Zipf's law: the word of rank r is drawn with a weight of 1/r.
        self._weights = [1 / rank for rank in range(1, len(self._lexicon) + 1)]
        self._planted: list[str] = []
        self.patterns = [[self._draw(rng) for _ in range(config.n_patterns)] for _ in range(config.n_classes)]
        self.distractors = [self._draw(rng) for _ in range(config.n_distractors)]

    def text(self, label: int, rng: random.Random) -> str:
        """Words, in some of which a pattern of the class or a distractor stands."""
        config = self._config
        words = rng.choices(self._lexicon, self._weights, k=config.n_words)
        ngrams = rng.choices(self.patterns[label], k=config.patterns_per_text)
        ngrams += rng.choices(self.distractors or [""], k=config.distractors_per_text)
        for place, ngram in zip(rng.sample(range(config.n_words), len(ngrams)), ngrams, strict=True):
            words[place] = self._plant(ngram, words[place], rng)
        return " ".join(words)

    def _plant(self, ngram: str, word: str, rng: random.Random) -> str:
        at = rng.randint(0, len(word))
        planted = word[:at] + ngram + word[at:]
        # Where it meets the word, another pattern may have come about.
        return ngram if any(other in planted for other in self._planted if other != ngram) else planted

    def _draw(self, rng: random.Random) -> str:
        for _ in range(_TRIES):
            length = rng.choice(self._config.pattern_lengths)
            ngram = "".join(_syllable(rng) for _ in range(length))[:length]
            if self._is_new(ngram):
                self._planted.append(ngram)
                return ngram
        raise InputError(
            f"dataset.pattern_lengths={self._config.pattern_lengths}: there are not enough patterns of these "
            "lengths: make them longer, or plant fewer"
        )

    def _is_new(self, ngram: str) -> bool:
        inside = any(ngram in text for text in chain(self._lexicon, self._planted))
        return not inside and not any(other in ngram for other in self._planted)


def _syllable(rng: random.Random) -> str:
    return rng.choice(_CONSONANTS) + rng.choice(_VOWELS)


def _word(rng: random.Random) -> str:
    return "".join(_syllable(rng) for _ in range(rng.choice(_SYLLABLES))) + rng.choice(("", "", "n", "s"))
