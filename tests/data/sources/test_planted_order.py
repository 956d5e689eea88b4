"""Texts whose class depends on how patterns stand to each other: the definition, and what single patterns tell."""

from collections.abc import Sequence

import numpy as np
import pytest

from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.planted_order import PlantedOrderConfig, Relation
from tokenlayer.data.types import RawDataset
from tokenlayer.errors import InputError

RELATIONS: tuple[Relation, ...] = ("order", "distance", "combination")
N_WORDS = 16


def load(relation: Relation, marginal: float = 0.0, n_texts: int = 1000, noise: float = 0.0) -> RawDataset:
    return PlantedOrderConfig(
        relation=relation, marginal=marginal, n_texts=n_texts, noise=noise, n_words=N_WORDS, n_pairs=4
    ).load()


def pairs_of(raw: RawDataset) -> list[tuple[str, str]]:
    assert raw.ground_truth is not None
    patterns = raw.ground_truth.patterns
    return list(zip(patterns["class_1"], patterns["class_0"], strict=True))


def places(text: str, pattern: str) -> list[int]:
    return [i for i, word in enumerate(text.split(" ")) if pattern in word]


def standing(text: str, pairs: Sequence[tuple[str, str]]) -> tuple[int, list[int], list[int]]:
    """The pair that has patterns in the text (-1: none), and the words that hold its first and its second."""
    found = [(i, places(text, a), places(text, b)) for i, (a, b) in enumerate(pairs)]
    found = [each for each in found if each[1] or each[2]]
    assert len(found) <= 1
    return found[0] if found else (-1, [], [])


def class_by_definition(relation: Relation, first: list[int], second: list[int]) -> int:
    if relation == "combination":
        return int(bool(first) != bool(second))
    if not first or not second:
        return int(bool(first))
    if relation == "order":
        return int(first[0] < second[0])
    return int(abs(first[0] - second[0]) == 2)


@pytest.mark.parametrize("marginal", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("relation", RELATIONS)
def test_classes_by_definition(relation: Relation, marginal: float) -> None:
    raw = load(relation, marginal)
    pairs = pairs_of(raw)
    used = set()
    for text, label in zip(raw.texts, raw.labels, strict=True):
        pair, first, second = standing(text, pairs)
        used.add(pair)
        assert len(first) <= 1
        assert len(second) <= 1
        assert class_by_definition(relation, first, second) == label
        if first and second:
            assert abs(first[0] - second[0]) >= 2
            assert relation != "distance" or abs(first[0] - second[0]) in (2, N_WORDS // 2)
    assert used - {-1} == set(range(4))
    assert np.mean(raw.labels) == 0.5


@pytest.mark.parametrize("marginal", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("relation", RELATIONS)
def test_a_single_pattern_tells_what_is_promised(relation: Relation, marginal: float) -> None:
    raw = load(relation, marginal, n_texts=4000, noise=0.1)
    first, second = (
        np.array([[pattern in text for pattern in patterns] for text in raw.texts])
        for patterns in zip(*pairs_of(raw), strict=True)
    )
    one, zero = raw.labels == 1, raw.labels == 0
    noisy = 1 - 2 * 0.1
    told = 4 * (first[one].mean() - first[zero].mean())  # each of four pairs has a quarter of the texts
    assert told == pytest.approx(noisy * marginal, abs=0.06)
    told_by_other = 4 * (second[one].mean() - second[zero].mean())
    assert told_by_other == pytest.approx(0 if relation == "combination" else -noisy * marginal, abs=0.06)
    best = max(
        np.maximum((held == one[:, None]).mean(0), (held == zero[:, None]).mean(0)).max() for held in (first, second)
    )
    assert best == pytest.approx(0.5 + noisy * marginal / (2 * 4), abs=0.03)


def order_by_halves() -> float:
    """The share of the pairs of words, no neighbours, whose first is in the first half."""
    pairs = [(i, j) for i in range(N_WORDS) for j in range(i + 2, N_WORDS)]
    return sum(i < N_WORDS // 2 for i, _ in pairs) / len(pairs)


@pytest.mark.parametrize("relation", RELATIONS)
def test_what_the_place_of_a_single_pattern_tells(relation: Relation) -> None:
    raw = load(relation, n_texts=4000)
    right = []
    for text, label in zip(raw.texts, raw.labels, strict=True):
        _, first, _ = standing(text, pairs_of(raw))
        right += [(first[0] < N_WORDS // 2) == label] if first else []
    assert np.mean(right) == pytest.approx(order_by_halves() if relation == "order" else 0.5, abs=0.03)


def test_every_place_is_as_likely_for_near_as_for_far_patterns() -> None:
    raw = load("distance", n_texts=4000)
    counts = np.zeros((2, N_WORDS))
    for text, label in zip(raw.texts, raw.labels, strict=True):
        _, first, second = standing(text, pairs_of(raw))
        counts[label, [first[0], second[0]]] += 1
    expected = 4000 / N_WORDS  # each of two patterns, in half of the texts
    assert abs(counts - expected).max() < 5 * expected**0.5


def test_noise_replaces_labels() -> None:
    clean, noisy = (load("order", noise=noise, n_texts=3000) for noise in (0.0, 0.2))
    assert clean.ground_truth == noisy.ground_truth
    wrong = [
        class_by_definition("order", *standing(text, pairs_of(noisy))[1:]) != label
        for text, label in zip(noisy.texts, noisy.labels, strict=True)
    ]
    assert np.mean(wrong) == pytest.approx(0.2, abs=0.03)


def test_settings_decide_the_source_and_impossible_ones_are_named() -> None:
    keys = {PlantedOrderConfig(relation=relation).source_key() for relation in RELATIONS}
    assert len(keys | {PlantedOrderConfig(marginal=0.5).source_key()}) == 4
    with pytest.raises(InputError) as caught:
        prepare(PlantedOrderConfig(n_pairs=0, marginal=1.5, n_words=4, distractors_per_text=1, relation="distance"))
    for name in ("n_pairs", "marginal", "n_words: 4 words are too few for relation=distance: raise it to 8"):
        assert f"dataset.{name}" in str(caught.value)
    with pytest.raises(InputError, match=r"dataset\.n_words: .* raise it to 9"):
        prepare(PlantedOrderConfig(n_words=8, distractors_per_text=7))
