"""Some sixty texts whose labels depend on a word."""

import random

WORDS = ["the", "film", "was", "a", "story", "of", "people", "in", "some", "town", "with", "music", "and", "rain"]
MOODS = ("splendid", "tedious", "curious")


def labelled(n_classes: int = 2, n: int = 60) -> tuple[list[str], list[str]]:
    draw = random.Random(n_classes)
    labels = [MOODS[i % n_classes] for i in range(n)]
    return [" ".join([*draw.choices(WORDS, k=5), label, *draw.choices(WORDS, k=2)]) for label in labels], labels
