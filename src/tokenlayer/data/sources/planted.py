"""Generated texts whose class depends on known character patterns, among distractors."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tokenlayer.data.sources.generated import GeneratedConfig, Language
from tokenlayer.data.types import GroundTruth, RawDataset


@dataclass(kw_only=True)
class PlantedConfig(GeneratedConfig):
    """Words of an invented language; in some stands a pattern, of the text's class or a distractor.

    A pattern occurs in a text only where it was planted, and distractors are planted in all classes alike:
    what a classifier has to find are the patterns of the classes, and frequency does not show them.
    """

    n_classes: int = 2
    """Number of classes, equally frequent."""
    n_patterns: int = 6
    """Patterns of each class."""
    patterns_per_text: int = 3
    """Number of patterns of its class in a text, at random places."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant."""
        yield from super().problems()
        for name, least in {"n_classes": 2, "n_patterns": 1, "patterns_per_text": 1}.items():
            if getattr(self, name) < least:
                yield name, f"{getattr(self, name)} is below {least}"
        if self.patterns_per_text + self.distractors_per_text > self.n_words:
            yield "n_words", f"{self.n_words} words cannot take a pattern each: raise it"

    def load(self) -> RawDataset:
        """Generate the texts.

        Raises:
            InputError: there are not that many patterns of these lengths.

        """
        language = Language(self)
        patterns = [language.patterns(self.n_patterns) for _ in range(self.n_classes)]
        distractors = language.patterns(self.n_distractors)
        rng = random.Random(f"texts {self.generation_seed}")
        classes = [i % self.n_classes for i in range(self.n_texts)]
        texts = [self._text(patterns[c], distractors, language, rng) for c in classes]
        labels = [self.noisy(c, self.n_classes, rng) for c in classes]
        names = tuple(f"class_{c}" for c in range(self.n_classes))
        truth = GroundTruth(
            patterns=dict(zip(names, map(tuple, patterns), strict=True)), distractors=tuple(distractors)
        )
        return RawDataset(texts, np.array(labels), names, "generated texts", ground_truth=truth)

    def _text(self, of_class: list[str], distractors: list[str], language: Language, rng: random.Random) -> str:
        """Words, in some of which a pattern of the class or a distractor stands."""
        words = language.words(self.n_words, rng)
        ngrams = rng.choices(of_class, k=self.patterns_per_text)
        ngrams += rng.choices(distractors or [""], k=self.distractors_per_text)
        language.plant(ngrams, rng.sample(range(self.n_words), len(ngrams)), words, rng)
        return " ".join(words)
