"""Generated texts whose class depends on how two planted patterns stand to each other: their presence is not enough.

Each text has one of `n_pairs` pairs of patterns A, B. By `relation` the class is 1 if

- order: A stands before B, not behind it, both at random places;
- distance: they stand two words apart, not half a text, in either order;
- combination: one of them is there, not both or neither.

**What a single pattern tells** is `marginal` = P(A is there | class 1) - P(A is there | class 0), in the texts of the
pair. With order and distance it is the share of the texts that hold one of the two alone: A in class 1, B in class 0.
With combination a share (1 + marginal) / 2 of class 1 holds A alone, the rest B alone, and the same share of class 0
neither, the rest both: the presence of B tells nothing. The rule "class 1 if A is there" is right in (1 + marginal) / 2
of the pair's texts, and in 1/2 of the others; of all texts, whose labels are noisy, the best single pattern predicts

    1/2 + (1 - 2 · noise) · marginal / (2 · n_pairs).

**What its place tells** is another matter. With order, A in the first half of a text is a sign of class 1: a classifier
of a single pattern's half is right in 3/4 of the texts that hold both (of 16 words in 4/5: neighbours are no places
for a pair). With distance and combination places tell nothing: each place of the two is as likely in both classes.

At least a word stands between A and B: hardly any n-gram holds parts of both.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tokenlayer.data.sources.generated import GeneratedConfig, Language
from tokenlayer.data.types import GroundTruth, RawDataset

Relation = Literal["order", "distance", "combination"]
_LEAST_WORDS: dict[Relation, int] = {"order": 3, "distance": 8, "combination": 3}


@dataclass(kw_only=True)
class PlantedOrderConfig(GeneratedConfig):
    """Words of an invented language; in some stands a pattern of the text's pair, or a distractor.

    The module's text says what the classes are. As ground truth the first patterns of the pairs are those of class_1,
    the second ones those of class_0, in the order of the pairs.
    """

    relation: Relation = "order"
    """What of a pair's patterns the class depends on."""
    n_pairs: int = 3
    """Pairs of patterns; each text has one of them."""
    marginal: float = 0.0
    """What the presence of a pair's first pattern tells: its share of the pair's texts of class 1, less that of
    class 0."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant."""
        yield from super().problems()
        if self.n_pairs < 1:
            yield "n_pairs", f"{self.n_pairs} is below 1"
        if not 0 <= self.marginal <= 1:
            yield "marginal", f"{self.marginal} is not a share between 0 and 1"
        least = max(_LEAST_WORDS[self.relation], 2 + self.distractors_per_text)
        if self.n_words < least:
            yield "n_words", f"{self.n_words} words are too few for relation={self.relation}: raise it to {least}"

    def load(self) -> RawDataset:
        """Generate the texts.

        Raises:
            InputError: there are not that many patterns of these lengths.

        """
        language = Language(self)
        first, second = language.patterns(self.n_pairs), language.patterns(self.n_pairs)
        distractors = language.patterns(self.n_distractors)
        pairs = list(zip(first, second, strict=True))
        rng = random.Random(f"texts {self.generation_seed}")
        classes = [i % 2 for i in range(self.n_texts)]
        texts = [self._text(c, rng.choice(pairs), distractors, language, rng) for c in classes]
        labels = [self.noisy(c, 2, rng) for c in classes]
        truth = GroundTruth({"class_0": tuple(second), "class_1": tuple(first)}, tuple(distractors))
        return RawDataset(texts, np.array(labels), ("class_0", "class_1"), "generated texts", ground_truth=truth)

    def _text(
        self, label: int, pair: tuple[str, str], distractors: Sequence[str], language: Language, rng: random.Random
    ) -> str:
        words = language.words(self.n_words, rng)
        places = self._places(label, rng)
        of_pair = self._kept(label, rng)
        others = [place for place in range(self.n_words) if place not in places]
        drawn = rng.choices(distractors or [""], k=self.distractors_per_text)
        language.plant([pair[i] for i in of_pair], [places[i] for i in of_pair], words, rng)
        language.plant(drawn, rng.sample(others, len(drawn)), words, rng)
        return " ".join(words)

    def _kept(self, label: int, rng: random.Random) -> tuple[int, ...]:
        """The patterns of the two that stand in the text: 0 the first, 1 the second."""
        x = rng.random()
        if self.relation != "combination":
            return (1 - label,) if x < self.marginal else (0, 1)
        is_likely = x < (1 + self.marginal) / 2
        if label:
            return (0,) if is_likely else (1,)
        return () if is_likely else (0, 1)

    def _places(self, label: int, rng: random.Random) -> tuple[int, int]:
        """The words of the first and the second pattern."""
        if self.relation == "distance":
            one, other = self._near(rng) if label else self._far(rng)
            return (one, other) if rng.random() < 0.5 else (other, one)
        one, other = sorted(rng.sample(range(self.n_words - 1), 2))
        is_first = bool(label) if self.relation == "order" else rng.random() < 0.5
        return (one, other + 1) if is_first else (other + 1, one)

    def _near(self, rng: random.Random) -> tuple[int, int]:
        """Words two apart that fill the same places, each equally often, as those of `_far`."""
        one = rng.randrange(self._half())
        one += one // 2 * 2  # 0 and 2, 1 and 3, 4 and 6, …
        return one, one + 2

    def _far(self, rng: random.Random) -> tuple[int, int]:
        one = rng.randrange(self._half())
        return one, one + self._half()

    def _half(self) -> int:
        """Half of the words, of a number that four divides."""
        return self.n_words // 4 * 2
