"""What generated datasets share: an invented language, and patterns that occur only where they were planted."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import ClassVar

from tokenlayer.data.config import AlphabetConfig, DatasetConfig
from tokenlayer.errors import InputError

_VOWELS = "aeiou"
_CONSONANTS = "bdfgklmnprstvz"
_LEXICON_SIZE = 300
_SYLLABLES = (1, 2, 2, 3)
_TRIES = 1000
# Part of the source's hash: to be raised when the same settings come to give other texts.
_GENERATOR = 1


@dataclass(kw_only=True)
class GeneratedConfig(DatasetConfig):
    """Settings of texts of an invented language in which patterns are planted, distractors among them."""

    text_length: int | None = 200
    """L: longer texts are cut, shorter ones padded with "no character"; null: chosen from the training texts."""
    batch_size: int | None = 32
    """B: texts per step; null: chosen by the number of training texts."""
    alphabet: AlphabetConfig = field(default_factory=lambda: AlphabetConfig(size=30))
    """The characters that get a code."""
    n_texts: int = 6000
    """Number of texts, before the split."""
    n_words: int = 25
    """Words in a text; a word has about five characters with its space."""
    n_distractors: int = 12
    """Patterns that are planted in every class alike."""
    pattern_lengths: list[int] = field(default_factory=lambda: [4, 5, 6, 7])
    """Lengths of the patterns and distractors, drawn from uniformly."""
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
        for name, least in {"n_texts": 10, "n_words": 1}.items():
            if getattr(self, name) < least:
                yield name, f"{getattr(self, name)} is below {least}"
        for name in ("n_distractors", "distractors_per_text", "generation_seed"):
            if getattr(self, name) < 0:
                yield name, f"{getattr(self, name)} is negative"
        if self.distractors_per_text and not self.n_distractors:
            yield "distractors_per_text", f"{self.distractors_per_text} of n_distractors=0 cannot be planted"
        if not self.pattern_lengths or min(self.pattern_lengths) < 3:
            yield "pattern_lengths", f"{self.pattern_lengths} must be lengths of 3 or more"
        if not 0 <= self.noise < 1:
            yield "noise", f"{self.noise} is not a share between 0 and 1"

    def source_key(self) -> str:
        """Hash of the settings that the texts depend on."""
        settings = {name: value for name, value in asdict(self).items() if name not in self._common}
        return hashlib.sha256(json.dumps([_GENERATOR, settings], sort_keys=True).encode()).hexdigest()

    def noisy(self, label: int, n_classes: int, rng: random.Random) -> int:
        """The label, or with the probability `noise` one of the other classes."""
        if rng.random() >= self.noise:
            return label
        return (label + rng.randrange(1, n_classes)) % n_classes


class Language:
    """A lexicon, frequent words first, and patterns that occur in none of its words nor in each other.

    Args:
        config: its `generation_seed` decides the words and, in the order in which they are drawn, the patterns.

    """

    def __init__(self, config: GeneratedConfig) -> None:
        self._lengths = config.pattern_lengths
        self._rng = random.Random(f"language {config.generation_seed}")
        words = dict.fromkeys(_word(self._rng) for _ in range(_TRIES))
        self._lexicon = list(words)[:_LEXICON_SIZE]
        # Zipf's law: the word of rank r is drawn with a weight of 1/r.
        self._weights = [1 / rank for rank in range(1, len(self._lexicon) + 1)]
        self._planted: list[str] = []

    def patterns(self, n: int) -> list[str]:
        """Draw n more patterns.

        Raises:
            InputError: there are not that many patterns of these lengths.

        """
        return [self._draw() for _ in range(n)]

    def words(self, n: int, rng: random.Random) -> list[str]:
        """Draw n words."""
        return rng.choices(self._lexicon, self._weights, k=n)

    def plant(self, ngrams: Sequence[str], places: Sequence[int], words: list[str], rng: random.Random) -> None:
        """Put patterns into words of a text, in place, each somewhere in the word at its place."""
        for place, ngram in zip(places, ngrams, strict=True):
            at = rng.randint(0, len(words[place]))
            planted = words[place][:at] + ngram + words[place][at:]
            # Where it meets the word, another pattern may have come about.
            is_other = any(other in planted for other in self._planted if other != ngram)
            words[place] = ngram if is_other else planted

    def _draw(self) -> str:
        for _ in range(_TRIES):
            length = self._rng.choice(self._lengths)
            ngram = "".join(_syllable(self._rng) for _ in range(length))[:length]
            if self._is_new(ngram):
                self._planted.append(ngram)
                return ngram
        raise InputError(
            f"dataset.pattern_lengths={self._lengths}: there are not enough patterns of these lengths: make them "
            "longer, or plant fewer"
        )

    def _is_new(self, ngram: str) -> bool:
        inside = any(ngram in text for text in chain(self._lexicon, self._planted))
        return not inside and not any(other in ngram for other in self._planted)


def _syllable(rng: random.Random) -> str:
    return rng.choice(_CONSONANTS) + rng.choice(_VOWELS)


def _word(rng: random.Random) -> str:
    return "".join(_syllable(rng) for _ in range(rng.choice(_SYLLABLES))) + rng.choice(("", "", "n", "s"))
